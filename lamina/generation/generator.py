"""Compiled programs that generate, and how they are found again."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamina.base import trees
from lamina.base.errors import ArgumentError, CompileError, VerificationError
from lamina.generation import names
from lamina.generation.sampler import Sampler
from lamina.tensor.function import Function, function
from lamina.tensor.signature import TensorSpec
from lamina.tensor.tensor import Tensor

_MOST_PROGRAMS = 32


class Generators:
    """The programs of one model or function: one for each kind of sampler and of arguments.

    Lengths are open in them, and the size of a batch too unless it is 1, which gets a program of its own.
    """

    def __init__(self) -> None:
        self._programs: dict[Any, Generator] = {}

    def find(self, settings: tuple[Any, ...], sampler: Sampler, make: Callable[[Sampler], Any]) -> Generator:
        """The program of these settings.

        Args:
            settings: what distinguishes it besides the sampler.
            make: takes a sampler, gives the function of tensors to compile.
        """
        key = (*settings, _key(sampler))
        found = self._programs.get(key)
        if found is None:
            if len(self._programs) >= _MOST_PROGRAMS:
                self._programs.pop(next(iter(self._programs)))
            own = type(sampler).from_config(sampler.get_config()) if names.is_known(sampler) else sampler
            found = self._programs[key] = Generator(make(own), own)
        return found


class Generator:
    """A compiled loop over tokens.

    Args:
        run: the function of tensors; sampler: the one that it uses, whose random numbers go on from where those of the
            caller's are.
    """

    def __init__(self, run: Callable[..., Any], sampler: Sampler):
        self.run, self.sampler = run, sampler
        self._open: dict[Any, Function] = {}
        self._fixed = function(run)

    def __call__(self, sampler: Sampler, axes: Sequence[Any], *arguments: Any) -> Any:
        """Args:
        sampler: the caller's.
        axes: for each argument, or leaf of one, names of the open axes of its shape, None for those that are not.
        """
        source: Any = getattr(sampler, "seed_generator", None)
        own: Any = getattr(self.sampler, "seed_generator", None)
        if own is source:
            return self._call(axes, arguments)
        own.state.assign(source.state)
        result = self._call(axes, arguments)
        source.state.assign(own.state)
        return result

    def _call(self, axes: Sequence[Any], arguments: Sequence[Any]) -> Any:
        leaves = trees.flatten(arguments)
        shapes = [tuple(n or d for n, d in zip(names_, leaf.shape)) for names_, leaf in zip(axes, leaves)]
        key = tuple((shape, str(leaf.dtype)) for shape, leaf in zip(shapes, leaves))
        if key not in self._open:
            specs = [TensorSpec(shape, leaf.dtype) for shape, leaf in zip(shapes, leaves)]
            program = function(self.run, input_signature=specs)
            try:
                result = program(*arguments)
            except (CompileError, VerificationError):
                raise
            except Exception:
                # The code may need the numbers: then each size gets a program of its own, or tells what is wrong.
                result = self._fixed(*arguments)
                program = self._fixed
            self._open[key] = program
            return result
        return self._open[key](*arguments)


def _key(sampler: Sampler) -> Any:
    """Equal for samplers that can share a program."""
    if not names.is_known(sampler):
        return sampler
    return type(sampler).__name__, json.dumps({**sampler.get_config(), "seed": None}, sort_keys=True)


def checked_ends(end_token_id: Any, vocabulary_size: int | None = None) -> tuple[int, ...]:
    """End tokens as a tuple: of one, several, or None; ArgumentError if they are no tokens."""
    if end_token_id is None:
        return ()
    items = list(end_token_id) if isinstance(end_token_id, (list, tuple, set, frozenset)) else [end_token_id]
    if not all(map(_is_whole, items)):
        raise ArgumentError(
            f"generate: end_token_id must be a token (a whole number), several, or None. Received: {end_token_id!r}."
        )
    if vocabulary_size is not None and any(not 0 <= i < vocabulary_size for i in items):
        raise ArgumentError(
            f"generate: end_token_id must be a token from 0 to {vocabulary_size - 1}, as no other is ever generated. "
            f"Received: {end_token_id!r}. For texts without an end give None."
        )
    return tuple(int(i) for i in items)


def checked_pad(pad_token_id: Any) -> int:
    """The padding; ArgumentError if it is no whole number."""
    if not _is_whole(pad_token_id):
        raise ArgumentError(f"generate: pad_token_id must be a whole number. Received: {pad_token_id!r}.")
    return int(pad_token_id)


def _is_whole(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def as_arrays(result: Any, single: bool) -> Any:
    """The results of a program as NumPy arrays; of a single prompt without an axis for the batch."""

    def one(x: Tensor) -> np.ndarray:
        array = np.array(x.numpy())
        return array[0] if single else array

    return trees.map_structure(one, result)
