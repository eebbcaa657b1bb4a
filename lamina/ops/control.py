"""Loops and branches: Python code that is traced once and run as often as the data says, in one native program."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import Any

from lamina import primitives as P
from lamina.base import trees
from lamina.base.dims import Dim, Dimension
from lamina.base.errors import ArgumentError, ShapeError
from lamina.graph import Spec
from lamina.ops.core import apply, broadcast_to, cast, convert, normal_axis
from lamina.ops.logic import less
from lamina.ops.shaping import concatenate, stack
from lamina.primitives.control import check_carries
from lamina.tensor import control
from lamina.tensor.indexing import get_item
from lamina.tensor.remat import remat

__all__ = ["associative_scan", "cond", "fori_loop", "map", "scan", "switch", "vectorized_map", "while_loop"]


def scan(
    f: Callable[..., Any],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
    recompute: bool = False,
) -> tuple[Any, Any]:
    """Runs `carry, y = f(carry, x)` for every `x` along the first axis of `xs`, in order.

    In a traced function and in `fit` the loop is one operation whose body is compiled once; its length may be unknown.
    It can be differentiated any number of times.

    Args:
        f: takes the carry and one entry of `xs`, gives the new carry, of the same shapes and dtypes, and an output.
        init: the carry before the first step: a tensor or a nested structure of tensors.
        xs: tensors with a common first dimension, nested; None where there are none, and `length` is needed.
        length: the number of steps; that of `xs` by default.
        reverse: whether to begin with the last entry. Outputs keep the places of their inputs.
        unroll: True writes the steps one after the other into the program, whose compilation then takes longer with
            every step; the length must be known. It may help where there are very few. With a number, as with False,
            there is one loop.
        recompute: whether memory matters more than time: for the gradient only the carry before each step is kept, and
            all else of a step is computed again. Nothing is computed for all steps at once, neither before nor after
            the loop. Gradients are the same but for rounding.

    Returns:
        The carry after the last step, and the outputs of all steps, stacked along a new first axis.

    Raises:
        ArgumentError: if `f` is not callable, `length` is missing, or `unroll` is neither a bool nor a positive int.
        ShapeError: if the lengths differ, `f` changes a shape or dtype of the carry, or a loop of unknown length is to
            be unrolled.

    Example:
        total, sums = ops.scan(lambda s, x: (s + x, s + x), ops.zeros(()), ops.arange(5.0))
    """
    _check_callable("scan", "f", f)
    begin, inputs = _tensors(init), _tensors(xs)
    steps = _length(inputs, length)
    unrolled = _is_unrolled(unroll, steps)
    forms: dict[str, Any] = {}

    def body(*leaves: Any) -> list[Any]:
        carry, entry = leaves[: len(begin)], leaves[len(begin) :]
        found = f(trees.unflatten(init, list(carry)), trees.unflatten(xs, list(entry)))
        if not isinstance(found, (tuple, list)) or len(found) != 2:
            raise ArgumentError(f"scan: f must return a pair, the new carry and an output. Received: {found!r}.")
        state, forms["y"] = found
        return [*_same_structure("scan", state, init, begin), *_tensors(forms["y"])]

    if unrolled or not control.is_traced([*begin, *inputs]):
        step = remat(body) if recompute else body
        final, outputs = _scan_now(step, begin, inputs, int(steps), reverse)  # type: ignore[arg-type]
    else:
        final, outputs = control.scan(body, begin, inputs, steps, reverse, bool(recompute))
    return trees.unflatten(init, final), trees.unflatten(forms.get("y"), outputs)


def _scan_now(
    body: Callable[..., list[Any]], begin: list[Any], inputs: list[Any], steps: int, reverse: bool
) -> tuple[list[Any], list[Any]]:
    """Step by step: at once, so that print and a debugger work inside, or written out in a program."""
    carries, stacks = begin, []
    order = range(steps)
    for t in reversed(order) if reverse else order:
        found = body(*carries, *(get_item(x, t) for x in inputs))
        _check_carries(carries, found[: len(begin)])
        carries = found[: len(begin)]
        stacks.append(found[len(begin) :])
    if reverse:
        stacks.reverse()
    if not steps:
        found = body(*carries, *(broadcast_to(convert(0, x.dtype), x.dims[1:]) for x in inputs))
        return carries, [get_item(stack([y]), slice(0, 0)) for y in found[len(begin) :]]
    return carries, [stack(list(ys)) for ys in zip(*stacks)]


def while_loop(
    cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any, maximum_iterations: int | None = None
) -> Any:
    """Runs `loop_vars = body(*loop_vars)` as long as `cond(*loop_vars)` is True.

    Args:
        cond: takes the loop variables, gives one bool.
        body: takes the loop variables, gives new ones of the same shapes and dtypes.
        loop_vars: a tuple or list of tensors or nested structures; anything else is a single loop variable.
        maximum_iterations: steps after which the loop ends in any case. Only with it has the loop a gradient.

    Returns:
        The loop variables after the last step, in the form of `loop_vars`.

    Raises:
        ArgumentError: if `cond` or `body` is not callable.
        ShapeError: if `body` changes a shape or dtype.
    """
    _check_callable("while_loop", "cond", cond)
    _check_callable("while_loop", "body", body)
    several = isinstance(loop_vars, (tuple, list))
    begin = _tensors(loop_vars)

    def arguments(leaves: Sequence[Any]) -> Sequence[Any]:
        values = trees.unflatten(loop_vars, list(leaves))
        return values if several else (values,)

    def test(*leaves: Any) -> list[Any]:
        answer = cast(convert(cond(*arguments(leaves))), "bool")
        if answer.dims != ():
            raise ShapeError(f"while_loop: cond must give one bool. Received: a tensor of shape {answer.shape}.")
        return [answer]

    def step(*leaves: Any) -> list[Any]:
        found = body(*arguments(leaves))
        if several and len(begin) == 1 and not isinstance(found, (tuple, list)):
            found = (found,)
        return _same_structure("while_loop", found, loop_vars, begin)

    most = None if maximum_iterations is None else int(maximum_iterations)
    if control.is_traced(begin):
        return trees.unflatten(loop_vars, control.while_loop(test, step, begin, most))
    carries, done = begin, 0
    while (most is None or done < most) and bool(test(*carries)[0]):
        found = step(*carries)
        _check_carries(carries, found)
        carries, done = found, done + 1
    return trees.unflatten(loop_vars, carries)


def fori_loop(lower: Any, upper: Any, body_fun: Callable[[Any, Any], Any], init_val: Any) -> Any:
    """Runs `value = body_fun(i, value)` for every i from `lower` up to `upper`, and gives the last value.

    Args:
        lower, upper: ints, or integer tensors. With ints, or dimensions of a tensor, the loop has a gradient.
        body_fun: takes the number of the step, an int32 scalar, and the value.
        init_val: a tensor or a nested structure of tensors.
    """
    _check_callable("fori_loop", "body_fun", body_fun)
    known = all(isinstance(bound, (int, Dim)) for bound in (lower, upper))
    if not known:
        first = cast(convert(lower), "int32")
        last = cast(convert(upper), "int32")
        return while_loop(
            lambda i, value: less(i, last), lambda i, value: (i + 1, body_fun(i, value)), (first, init_val)
        )[1]
    steps = upper - lower if isinstance(upper - lower, Dim) else builtins.max(0, upper - lower)
    numbers = convert(apply(P.IOTA, shape=(steps,), dtype="int32", axis=0)) + cast(convert(lower), "int32")
    return scan(lambda value, i: (body_fun(i, value), None), init_val, numbers)[0]


def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """`true_fn()` where `pred` holds, otherwise `false_fn()`; only one of them is run.

    Args:
        pred: one bool. Where it is not known while tracing, both functions are traced, and the program chooses.
        true_fn, false_fn: functions of nothing, which give the same structure of the same shapes and dtypes.

    Raises:
        ShapeError: if `pred` is no single bool, or the results differ in shape or dtype.
        ArgumentError: if the structures differ.
    """
    _check_callable("cond", "true_fn", true_fn)
    _check_callable("cond", "false_fn", false_fn)
    if isinstance(pred, bool):
        return true_fn() if pred else false_fn()
    choice = cast(convert(pred), "bool")
    if choice.dims != ():
        raise ShapeError(f"cond: pred must be one bool. Received: a tensor of shape {choice.shape}.")
    if not control.is_traced([choice]):
        return true_fn() if bool(choice) else false_fn()
    forms: list[Any] = []

    def branch(function: Callable[[], Any]) -> Callable[..., list[Any]]:
        def run() -> list[Any]:
            forms.append(function())
            return _tensors(forms[-1])

        return run

    results = control.cond(choice, branch(true_fn), branch(false_fn))
    if len(trees.flatten(forms[0])) != len(trees.flatten(forms[1])):
        raise ArgumentError(
            f"cond: true_fn and false_fn must give the same structure. Received: {forms[0]!r} and {forms[1]!r}."
        )
    return trees.unflatten(forms[0], results)


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """`branches[index](*operands)`; an index out of range takes the nearest branch. Only one is run.

    Raises:
        ArgumentError: if there are no branches.
    """
    if not branches:
        raise ArgumentError("switch: branches must be a list of at least one function.")
    place = cast(convert(index), "int32")

    def choose(first: int, last: int) -> Any:
        if last - first == 1:
            return branches[first](*operands)
        middle = (first + last) // 2
        return cond(less(place, middle), lambda: choose(first, middle), lambda: choose(middle, last))

    return choose(0, len(branches))


def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """`f` of every entry of `xs` along the first axis, stacked: a `scan` that carries nothing.

    Args:
        f: takes one entry, gives a tensor or a nested structure of tensors.
        xs: tensors with a common first dimension, nested.
    """
    _check_callable("map", "f", f)
    return scan(lambda _, x: ((), f(x)), (), xs)[1]


def vectorized_map(function: Callable[[Any], Any], elements: Any) -> Any:
    """As `map`. The compiler takes products out of the loop, for all entries at once."""
    return map(function, elements)


def associative_scan(f: Callable[[Any, Any], Any], elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """All partial results of folding entries along an axis with an associative function, in log(n) rounds.

    Args:
        f: takes two slices of `elems` (of any, equal length along the axis) and combines them entry by entry.
        elems: tensors, nested, of a common known size along the axis.
        reverse: whether to fold from the end.

    Raises:
        ShapeError: if the size along the axis is not known, or differs.
    """
    leaves = _tensors(elems)
    places = [normal_axis("associative_scan", axis, len(x.dims)) for x in leaves]
    sizes = {x.dims[a] for x, a in zip(leaves, places)}
    if len(sizes) != 1 or not isinstance(next(iter(sizes)), int):
        raise ShapeError(f"associative_scan: elems must have one known size along axis {axis}. Received: {sizes}.")

    def part(values: list[Any], start: int | None, stop: int | None, step: int = 1) -> list[Any]:
        return [get_item(x, (*[slice(None)] * a, slice(start, stop, step))) for x, a in zip(values, places)]

    def flipped(values: list[Any]) -> list[Any]:
        return [apply(P.REVERSE, x, axes=(a,)) for x, a in zip(values, places)]

    def combine(a: list[Any], b: list[Any]) -> list[Any]:
        return _tensors(f(trees.unflatten(elems, a), trees.unflatten(elems, b)))

    values = flipped(leaves) if reverse else list(leaves)
    size, shift = int(next(iter(sizes))), 1
    while shift < size:
        later = combine(part(values, 0, size - shift), part(values, shift, None))
        values = [concatenate(pair, axis=a) for *pair, a in zip(part(values, 0, shift), later, places)]
        shift *= 2
    return trees.unflatten(elems, flipped(values) if reverse else values)


def _tensors(tree: Any) -> list[Any]:
    return [convert(leaf) for leaf in trees.flatten(tree)]


def _length(inputs: Sequence[Any], length: int | None) -> Dimension:
    """The number of steps that the inputs have."""
    if any(not x.dims for x in inputs):
        raise ShapeError("scan: every tensor in xs needs a first axis to go along. Received: a scalar.")
    found: list[Dimension] = list(dict.fromkeys([x.dims[0] for x in inputs] + ([] if length is None else [length])))
    if not found:
        raise ArgumentError("scan: give xs, or the number of steps as length.")
    if len(found) > 1:
        raise ShapeError(f"scan: xs and length must agree in the number of steps. Received: {found}.")
    return found[0]


def _is_unrolled(unroll: Any, steps: Dimension) -> bool:
    """Whether steps are to be written out."""
    if not isinstance(unroll, bool) and (not isinstance(unroll, int) or unroll < 1):
        raise ArgumentError(f"scan: unroll must be True, False or a positive int. Received: {unroll!r}.")
    if unroll is True and not isinstance(steps, int):
        raise ShapeError(
            f"scan: unroll=True writes out every step, so their number must be known. Received: {steps} steps. Give "
            "xs a fixed first dimension, or leave unroll out: a loop takes any number."
        )
    return unroll is True


def _same_structure(name: str, found: Any, wanted: Any, begin: Sequence[Any]) -> list[Any]:
    """The leaves of a new carry; Python numbers take the dtype that the carry has."""
    leaves = trees.flatten(found)
    if len(leaves) != len(begin):
        raise ArgumentError(
            f"{name}: what is carried must keep its structure. It began as {wanted!r}; a step gave {found!r}."
        )
    return [convert(v, b.dtype) if type(v) in (bool, int, float) else convert(v) for v, b in zip(leaves, begin)]


def _check_carries(before: Sequence[Any], after: Sequence[Any]) -> None:
    old, new = ([Spec(t.dims, t.dtype) for t in tensors] for tensors in (before, after))
    check_carries("scan", old, new)


def _check_callable(name: str, argument: str, value: Any) -> None:
    if not callable(value):
        raise ArgumentError(f"{name}: {argument} must be a function. Received: {value!r}.")
