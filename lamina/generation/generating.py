"""`generate`: continues prompts with any function that tells what comes next."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from lamina import ops
from lamina.base import trees
from lamina.base.errors import ArgumentError, ShapeError
from lamina.generation import names
from lamina.generation.generator import Generators, as_arrays, checked_ends, checked_pad
from lamina.generation.prompts import check_room, prepared
from lamina.generation.sampler import Sampler, Task
from lamina.layers.dense import positive_integer
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
    prefill: Callable[[Any, Any], Any] | None = None,
) -> Any:
    """Continues prompts token by token, as one native program.

    Args:
        next_token: `f(token, cache, index)`: takes the tokens `(batch,)` at the place `index`, and gives the logits
            `(batch, vocabulary)` of those after them, and the new cache, of the same shapes and dtypes. It is called
            for every token of the prompts too, from the first on, but for those that `prefill` takes. It is compiled
            at the first call with this very function; variables may be read in it. Pass a function that is kept, not
            a new one each time.
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
        prefill: `f(tokens, cache)`: takes the tokens `(batch, steps)` of all prompts but the last one that all have, at
            once, and gives the cache after them. Without it `next_token` takes them one by one. It is not called
            where the shortest prompt is a single token.

    Returns:
        Tokens `(batch, max_length)`, int32, as a NumPy array; `(max_length,)` for one prompt. Within a traced function
        a tensor, and prompts must be a tensor there. With `BeamSampler(return_all_beams=True)` a pair of tokens
        `(batch, beams, max_length)` and the logarithms of their probabilities `(batch, beams)`.

    Raises:
        DataError: if there are no prompts, one is empty, or they are no whole numbers.
        ArgumentError: if a prompt is longer than `max_length`, `next_token` gives no pair, an end or padding is no
            token, or there is no such sampler.
        ShapeError: if the logits or the cache do not have their shapes.

    Example:
        def next_token(token, state, index):
            output, state = cell(embedding(token), state)
            return dense(output), state

        text = generate(next_token, [[START]], 50, cache=first_state, sampler="beam", end_token_id=END)
    """
    for name, value in (("next_token", next_token), ("prefill", prefill)):
        if not callable(value) and (name, value) != ("prefill", None):
            raise ArgumentError(f"generate: {name} must be a function. Received: {value!r}.")
    chosen, ends, pad = names.get(sampler), checked_ends(end_token_id), checked_pad(pad_token_id)
    if state.trace is not None:
        return _traced(next_token, prompts, max_length, cache, chosen, ends, pad, prefill)
    given = prepared(prompts, max_length, pad)
    cache = trees.map_structure(ops.convert_to_tensor, cache)
    _check_cache(cache, len(given.tokens))
    begun = given.begun(given.shortest - 1) if prefill is not None and given.shortest > 1 else None

    weak_next, weak_prefill = _weakly(next_token), None if begun is None else _weakly(prefill)

    def make(own: Sampler) -> Callable[..., Any]:
        def generate(tokens: Any, lengths: Any, cache: Any, *begun: Any) -> Any:
            start: Any = 0
            if weak_prefill is not None:
                cache, start = weak_prefill()(*begun, cache), ops.min(lengths) - 1
            return own.run(Task(weak_next(), tokens, lengths, start, cache, ends, pad))

        return generate

    owner, method = getattr(next_token, "__self__", next_token), getattr(next_token, "__func__", None)
    program = _generators.setdefault(owner, Generators()).find((method, weak_prefill, ends, pad), chosen, make)
    batch = None if len(given.tokens) == 1 else "batch"
    axes = [(batch, "length"), (batch,), *((batch, *x.shape[1:]) for x in trees.flatten(cache)), (batch, "begun")]
    result = program(chosen, axes, given.tokens, given.lengths, cache, *([] if begun is None else [begun]))
    return as_arrays(result, given.single)


def _weakly(f: Any) -> Callable[[], Any]:
    """Gives a function as long as somebody else keeps it, which programs kept by its life must not do."""
    return weakref.WeakMethod(f) if hasattr(f, "__self__") else weakref.ref(f)


def _traced(
    next_token: Any, prompts: Any, max_length: int, cache: Any, sampler: Sampler, ends: tuple[int, ...], pad: int,
    prefill: Any,
) -> Any:  # fmt: skip
    """The same as a part of a program that is being traced."""
    given, most = ops.cast(prompts, "int32"), positive_integer("generate", "max_length", max_length)
    if len(given.dims) != 2:
        raise ShapeError(f"generate: prompts must be a tensor (batch, steps) here. Received: {given.shape}.")
    batch, steps = given.dims
    check_room(most, steps)
    tokens = ops.pad(given, ((0, 0), (0, most - steps)), constant_values=pad)
    length = ops.cast(ops.convert_to_tensor(steps), "int32")
    start: Any = 0
    if prefill is not None and steps != 1:
        cache, start = prefill(given[:, :-1], cache), length - 1
    lengths = ops.zeros((batch,), "int32") + length
    return sampler.run(Task(next_token, tokens, lengths, start, cache, ends, pad))


def _check_cache(cache: Any, batch: int) -> None:
    for leaf in trees.flatten(cache):
        if not isinstance(leaf, Tensor) or leaf.shape[:1] != (batch,):
            raise ShapeError(
                f"generate: every tensor of the cache needs the batch as its first axis: {batch} prompts. Received: "
                f"shape {tuple(leaf.shape)}."
            )
