"""`generate`: continues prompts with any function that tells what comes next."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from lamina import ops
from lamina.base import trees
from lamina.base.errors import ArgumentError, ShapeError
from lamina.generation import names
from lamina.generation.generator import Generators, as_arrays, checked_ends
from lamina.generation.prompts import prepared
from lamina.generation.sampler import Sampler, Task
from lamina.tensor.state import state
from lamina.tensor.tensor import Tensor

_generators: weakref.WeakKeyDictionary[Any, Generators] = weakref.WeakKeyDictionary()


def generate(
    next_token: Callable[[Any, Any, Any], tuple[Any, Any]],
    prompts: Any,
    max_length: int,
    cache: Any = None,
    sampler: Any = "greedy",
    end_token_id: Any = None,
    pad_token_id: int = 0,
) -> Any:
    """Continues prompts token by token, as one native program.

    Args:
        next_token: `f(token, cache, index)`: takes the tokens `(batch,)` at the place `index`, and gives the logits
            `(batch, vocabulary)` of those after them, and the new cache, of the same shapes and dtypes. It is called
            for every token of the prompts too, from the first on. It is compiled at the first call with this very
            function; variables may be read in it. Pass a function that is kept, not a new one each time.
        prompts: tokens `(batch, steps)`; a list of prompts of any lengths; one prompt; or a dict with `"token_ids"`
            and `"padding_mask"`, the mask False where rows end in padding.
        max_length: how many tokens there are in the end, those of the prompt included.
        cache: what `next_token` keeps from step to step, and what it needs to know besides: tensors `(batch, ...)` in
            any nested structure, such as the state of a recurrent decoder and what an encoder gave.
        sampler: one of `lamina.generation`, or its name: `"greedy"` (default), `"random"`, `"top_k"`, `"top_p"`,
            `"beam"`.
        end_token_id: the token, or several, after which a text ends; none. When all texts of a batch have ended, the
            program stops.
        pad_token_id: what follows the end of a text; 0.

    Returns:
        Tokens `(batch, max_length)`, int32, as a NumPy array; `(max_length,)` for one prompt. Within a traced function
        a tensor, and prompts must be a tensor there. With `BeamSampler(return_all_beams=True)` a pair of tokens
        `(batch, beams, max_length)` and the logarithms of their probabilities `(batch, beams)`.

    Raises:
        DataError: if there are no prompts, one is empty, or they are no whole numbers.
        ArgumentError: if a prompt is longer than `max_length`, `next_token` gives no pair, or there is no such sampler.
        ShapeError: if the logits or the cache do not have their shapes.

    Example:
        def next_token(token, state, index):
            output, state = cell(embedding(token), state)
            return dense(output), state

        text = generate(next_token, [[START]], 50, cache=first_state, sampler="beam", end_token_id=END)
    """
    if not callable(next_token):
        raise ArgumentError(f"generate: next_token must be a function. Received: {next_token!r}.")
    chosen, ends = names.get(sampler), checked_ends(end_token_id)
    if state.trace is not None:
        return _traced(next_token, prompts, max_length, cache, chosen, ends, int(pad_token_id))
    given = prepared(prompts, max_length, int(pad_token_id))
    cache = trees.map_structure(ops.convert_to_tensor, cache)
    _check_cache(cache, len(given.tokens))

    def make(own: Sampler) -> Callable[..., Any]:
        weak = _weakly(next_token)

        def generate(tokens: Any, lengths: Any, cache: Any) -> Any:
            return own.run(Task(weak(), tokens, lengths, 0, cache, ends, int(pad_token_id)))

        return generate

    owner, method = getattr(next_token, "__self__", next_token), getattr(next_token, "__func__", None)
    program = _generators.setdefault(owner, Generators()).find((method, ends, int(pad_token_id)), chosen, make)
    batch = None if len(given.tokens) == 1 else "batch"
    axes = [(batch, "length"), (batch,), *((batch, *x.shape[1:]) for x in trees.flatten(cache))]
    result = program(chosen, axes, given.tokens, given.lengths, cache)
    return as_arrays(result, given.single)


def _weakly(f: Any) -> Callable[[], Any]:
    """Gives a function as long as somebody else keeps it, which programs kept by its life must not do."""
    return weakref.WeakMethod(f) if hasattr(f, "__self__") else weakref.ref(f)


def _traced(
    next_token: Any, prompts: Any, max_length: int, cache: Any, sampler: Sampler, ends: tuple[int, ...], pad: int
) -> Any:
    """The same as a part of a program that is being traced."""
    given = ops.cast(prompts, "int32")
    if len(given.dims) != 2:
        raise ShapeError(f"generate: prompts must be a tensor (batch, steps) here. Received: {given.shape}.")
    tokens = ops.pad(given, ((0, 0), (0, max_length - given.dims[1])), constant_values=pad)
    lengths = ops.zeros((given.dims[0],), "int32") + ops.cast(ops.convert_to_tensor(given.dims[1]), "int32")
    return sampler.run(Task(next_token, tokens, lengths, 0, cache, ends, pad))


def _check_cache(cache: Any, batch: int) -> None:
    for leaf in trees.flatten(cache):
        if not isinstance(leaf, Tensor) or leaf.shape[:1] != (batch,):
            raise ShapeError(
                f"generate: every tensor of the cache needs the batch as its first axis: {batch} prompts. Received: "
                f"shape {tuple(leaf.shape)}."
            )
