"""Masks that travel with tensors from layer to layer: which steps of a padded sequence count."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lamina.base import trees
from lamina.layers.arguments import call_parameters, is_tensor
from lamina.tensor import Tensor

# By the identity of the tensor that has it: a reference that clears the entry when the tensor goes, and the mask.
_masks: dict[int, tuple[weakref.ref[Tensor], Any]] = {}


def mask_of(tensor: Any) -> Any:
    """The mask that a tensor carries: bools of its first axes; None if it has none."""
    found = _masks.get(id(tensor))
    return None if found is None else found[1]


def set_mask(tensor: Tensor, mask: Any) -> None:
    """Gives a tensor a mask, in place of the one that it has; None takes it away."""
    key = id(tensor)
    if mask is None:
        _masks.pop(key, None)
    else:
        _masks[key] = (weakref.ref(tensor, lambda _: _masks.pop(key, None)), mask)


class without_masks:
    """`with without_masks(x, y):` around calls of layers for which the masks of some tensors are of no concern."""

    def __init__(self, *tensors: Any):
        self._kept = [(tensor, mask_of(tensor)) for tensor in tensors]

    def __enter__(self) -> None:
        for tensor, mask in self._kept:
            if mask is not None:
                set_mask(tensor, None)

    def __exit__(self, *exception: Any) -> None:
        for tensor, mask in self._kept:
            if mask is not None:
                set_mask(tensor, mask)


class Arrived(NamedTuple):
    """The masks that came with the inputs of a call.

    Attributes:
        arguments: those that `call` has a parameter for and was not given.
        previous: the mask of the first input, in its structure; None where there is none.
    """

    arguments: Mapping[str, Any]
    previous: Any


_NONE = Arrived({}, None)


class PassesMasks:
    """What layers do with masks.

    A layer whose `call` has a parameter `mask` (or `x_mask` beside an input `x`) is given the mask that its input
    carries. Its output carries what `compute_mask` gives; where that is not defined, the mask of the input if
    `supports_masking` is True and the output still has its steps, and otherwise none.
    """

    supports_masking: bool

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The mask of the output, or one for each of several outputs; here that of the input.

        Args:
            inputs: the first argument of the call.
            previous_mask: its mask, in its structure; or None.
        """
        return previous_mask

    @classmethod
    def _computes_mask(cls) -> bool:
        """Whether the class says itself what mask its output has."""
        return cls.compute_mask is not PassesMasks.compute_mask

    def _arrived(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Arrived:
        """The masks of the arguments of a call."""
        if not _masks:
            return _given(kwargs)
        parameters = call_parameters(type(self).call)  # type: ignore[attr-defined]
        given = dict(zip(parameters, args, strict=False)) | dict(kwargs)
        tensors = {name: value for name, value in given.items() if _all_tensors(value)}
        open_names = list(parameters)[len(args) :]
        found = {}
        for name, value in tensors.items():
            wanted = "mask" if len(tensors) == 1 else f"{name}_mask"
            if wanted in open_names and given.get(wanted) is None:
                mask = _masks_in(value)
                if mask is not None:
                    found[wanted] = mask
        explicit = found.get("mask", kwargs.get("mask"))
        first = args[0] if args else next(iter(kwargs.values()), None)
        return Arrived(found, _masks_in(first) if explicit is None else explicit)

    def _pass_on(self, arrived: Arrived, args: Sequence[Any], kwargs: Mapping[str, Any], outputs: Any) -> None:
        """Gives the outputs of a call their masks."""
        if not self.supports_masking:
            noticed = "mask" in call_parameters(type(self).call)  # type: ignore[attr-defined]
            if arrived.previous is not None and not noticed and all(mask_of(o) is None for o in trees.flatten(outputs)):
                self._warn_of_lost_mask()
            return
        if arrived.previous is None and not self._computes_mask():
            return
        leaves = trees.flatten(outputs)
        if all(mask_of(leaf) is not None for leaf in leaves):
            return
        first = args[0] if args else next(iter(kwargs.values()), None)
        masks = self.compute_mask(first, arrived.previous)
        own = self._computes_mask()
        for leaf, mask in zip(leaves, _leaves(masks), strict=False):
            if mask is None or not isinstance(leaf, Tensor) or mask_of(leaf) is not None:
                continue
            if own or _fits(mask, leaf, first):
                set_mask(leaf, mask)

    def _warn_of_lost_mask(self) -> None:
        title = self._title()  # type: ignore[attr-defined]
        warnings.warn(
            f"{title} takes no notice of the mask of its input, and its output has none: layers after it treat padding "
            "like any other step. If that is meant, nothing is wrong; if the layer treats each step on its own, set "
            "`layer.supports_masking = True`.",
            stacklevel=4,
        )


def _fits(mask: Any, output: Tensor, first: Any) -> bool:
    """Whether an output has the steps that the mask of the input is for: a pool, for one, has not."""
    inputs = trees.flatten(first)
    kept = len(output.dims) >= len(inputs[0].dims) if inputs and is_tensor(inputs[0]) else True
    return kept and tuple(mask.shape) == tuple(output.shape[: len(mask.shape)])


def _given(kwargs: Mapping[str, Any]) -> Arrived:
    mask = kwargs.get("mask")
    return _NONE if mask is None else Arrived({}, mask)


def _all_tensors(value: Any) -> bool:
    leaves = trees.flatten(value)
    return bool(leaves) and all(is_tensor(leaf) for leaf in leaves)


def _masks_in(value: Any) -> Any:
    """The masks of the tensors in a structure, in that structure; None where none has one."""
    if isinstance(value, Tensor):
        return mask_of(value)
    if all(mask_of(leaf) is None for leaf in trees.flatten(value)):
        return None
    return trees.map_structure(mask_of, value)


def _leaves(masks: Any) -> list[Any]:
    """The masks of several outputs, in order; unlike in other structures, None stands for an output without."""
    if isinstance(masks, (list, tuple)):
        return [leaf for item in masks for leaf in _leaves(item)]
    if isinstance(masks, dict):
        return [leaf for key in sorted(masks) for leaf in _leaves(masks[key])]
    return [masks]
