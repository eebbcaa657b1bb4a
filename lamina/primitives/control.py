"""Loops, branches, calls. What they run are graphs, kept as attributes; these are given their operands, in order.

A body reads nothing but its inputs: what it needs from around it is given as a constant operand. The gradients are in
`lamina.autodiff.control`, since they are made of gradients of bodies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamina.base.dims import Dimension, Shape
from lamina.base.errors import ArgumentError, ShapeError
from lamina.graph import SEVERAL, Graph, Node, Primitive, Spec, apply, results
from lamina.primitives.declare import Typed, check_shape, describe

Arrays = Sequence[Any]
Run = Callable[[Arrays], list[Any]]


def _check_body(name: str, body: Graph, operands: Sequence[tuple[Shape, str]]) -> None:
    """A body is closed and takes values of these shapes and dtypes."""
    if body.updates or body.free_inputs():
        raise ArgumentError(f"{name}: a body changes no state, and reads nothing but its inputs.")
    found = [(n.shape, n.dtype) for n in body.inputs]
    if found != list(operands):
        raise ShapeError(f"{name}: the body must take {list(operands)}. It takes: {found}.")


def check_carries(name: str, before: Sequence[Typed], after: Sequence[Typed]) -> None:
    """What one step hands to the next keeps its shape and dtype."""
    for k, (old, new) in enumerate(zip(before, after)):
        if (tuple(old.shape), old.dtype) != (tuple(new.shape), new.dtype):
            raise ShapeError(
                f"{name}: carry {k} is {describe(old)} before a step and {describe(new)} after it. A loop needs the "
                "same shape and dtype: cast or reshape what the body returns, or what it begins with."
            )


# --- scan ------------------------------------------------------------------------------------------------------------


def _scan_infer(
    *operands: Typed, body: Graph, length: Dimension, reverse: bool, carries: int, steps: int, kept: tuple[bool, ...],
    recompute: bool,
) -> Spec:  # fmt: skip
    check_shape("scan", "length", (length,))
    initial, inputs, constants = operands[:carries], operands[carries : carries + steps], operands[carries + steps :]
    for k, x in enumerate(inputs):
        if not x.shape or x.shape[0] != length:
            raise ShapeError(
                f"scan: step input {k} must have a leading dimension of {length}, the number of steps. "
                f"Received: {describe(x)}."
            )
    seen = [(tuple(x.shape), x.dtype) for x in initial]
    seen += [(tuple(x.shape[1:]), x.dtype) for x in inputs]
    seen += [(tuple(x.shape), x.dtype) for x in constants]
    _check_body("scan", body, seen)
    check_carries("scan", initial, body.outputs[:carries])
    if len(body.outputs) < carries or len(kept) != carries:
        raise ArgumentError(f"scan: the body must give its {carries} carries first. It gives: {len(body.outputs)}.")
    final = [Spec((length + 1, *n.shape) if keep else n.shape, n.dtype) for n, keep in zip(body.outputs, kept)]
    stacked = [Spec((length, *n.shape), n.dtype) for n in body.outputs[carries:]]
    return Spec((), SEVERAL, (*final, *stacked))


def _scan_numpy(
    *arrays: Any, body: Run, length: int, reverse: bool, carries: int, steps: int, kept: tuple[bool, ...],
    recompute: bool,
) -> tuple[Any, ...]:  # fmt: skip
    state, inputs, constants = [*arrays[:carries]], arrays[carries : carries + steps], arrays[carries + steps :]
    history = [list(state)]
    outputs: list[list[Any]] = []
    order = range(length - 1, -1, -1) if reverse else range(length)
    for t in order:
        values = body([*state, *(x[t] for x in inputs), *constants])
        state = values[:carries]
        history.append(list(state))
        outputs.append(values[carries:])
    if reverse:
        history.reverse()
        outputs.reverse()
    final = [np.stack([s[k] for s in history]) if keep else state[k] for k, keep in enumerate(kept)]
    if not outputs:
        like = body([*state, *(np.zeros(x.shape[1:], x.dtype) for x in inputs), *constants])
        return (*final, *(np.zeros((0, *y.shape), y.dtype) for y in like[carries:]))
    return (*final, *(np.stack(stack) for stack in zip(*outputs)))


SCAN = Primitive("scan", "control", infer=_scan_infer, numpy=_scan_numpy)


def scan(
    body: Graph,
    initial: Sequence[Node],
    inputs: Sequence[Node],
    constants: Sequence[Node],
    length: Dimension,
    reverse: bool = False,
    kept: Sequence[bool] | None = None,
    recompute: bool = False,
) -> list[Node]:
    """Runs a body once for each step: `carries, outputs = body(carries, inputs of the step, constants)`.

    Args:
        initial: the carries before the first step.
        inputs: each with a leading axis of steps, of which the body sees its own.
        length: the number of steps.
        reverse: whether the last step is run first. Inputs and outputs keep their places.
        kept: for each carry, whether all its values are wanted: `length + 1` of them on a leading axis. Step t finds
            its carry at t and leaves the new one at t + 1; in reverse it finds it at t + 1 and leaves it at t.
        recompute: whether memory matters more than time: its gradient computes all of a step again but the carries,
            and nothing is computed for all steps at once.

    Returns:
        The carries after the last step (or all of their values), then the outputs, stacked on a leading axis.
    """
    kept = tuple(kept) if kept is not None else (False,) * len(initial)
    node = apply(
        SCAN, *initial, *inputs, *constants,
        body=body, length=length, reverse=reverse, carries=len(initial), steps=len(inputs), kept=kept,
        recompute=recompute,
    )  # fmt: skip
    return results(node)


# --- while -----------------------------------------------------------------------------------------------------------


def _while_infer(*operands: Typed, test: Graph, body: Graph, carries: int, most: int | None) -> Spec:
    seen = [(tuple(x.shape), x.dtype) for x in operands]
    _check_body("while", test, seen)
    _check_body("while", body, seen)
    if [(n.shape, n.dtype) for n in test.outputs] != [((), "bool")]:
        raise ShapeError(f"while: the condition must be one bool of shape (). Received: {list(test.outputs)}.")
    if len(body.outputs) != carries:
        raise ArgumentError(f"while: the body must give {carries} values. It gives: {len(body.outputs)}.")
    check_carries("while", operands[:carries], body.outputs)
    return Spec((), SEVERAL, tuple(Spec(n.shape, n.dtype) for n in body.outputs))


def _while_numpy(*arrays: Any, test: Run, body: Run, carries: int, most: int | None) -> tuple[Any, ...]:
    state, constants = list(arrays[:carries]), arrays[carries:]
    done = 0
    while (most is None or done < most) and test([*state, *constants])[0]:
        state = body([*state, *constants])
        done += 1
    return tuple(state)


WHILE = Primitive("while", "control", infer=_while_infer, numpy=_while_numpy)


def while_loop(
    test: Graph, body: Graph, initial: Sequence[Node], constants: Sequence[Node], most: int | None = None
) -> list[Node]:
    """Runs `carries = body(carries, constants)` as long as `test(carries, constants)` gives True.

    Args:
        most: steps after which the loop ends in any case; it then has a gradient.
    """
    return results(apply(WHILE, *initial, *constants, test=test, body=body, carries=len(initial), most=most))


# --- cond ------------------------------------------------------------------------------------------------------------


def _cond_infer(choice: Typed, *operands: Typed, yes: Graph, no: Graph) -> Spec:
    if (tuple(choice.shape), choice.dtype) != ((), "bool"):
        raise ShapeError(f"cond: the predicate must be one bool of shape (). Received: {describe(choice)}.")
    seen = [(tuple(x.shape), x.dtype) for x in operands]
    _check_body("cond", yes, seen)
    _check_body("cond", no, seen)
    given, other = ([(n.shape, n.dtype) for n in branch.outputs] for branch in (yes, no))
    if given != other:
        raise ShapeError(
            f"cond: both branches must give the same shapes and dtypes. Received: {given} where it is True, and "
            f"{other} where it is False. Cast or reshape the results of one branch."
        )
    return Spec((), SEVERAL, tuple(Spec(n.shape, n.dtype) for n in yes.outputs))


def _cond_numpy(choice: Any, *arrays: Any, yes: Run, no: Run) -> tuple[Any, ...]:
    return tuple((yes if choice else no)(arrays))


COND = Primitive("cond", "control", infer=_cond_infer, numpy=_cond_numpy)


def cond(choice: Node, yes: Graph, no: Graph, operands: Sequence[Node]) -> list[Node]:
    """The results of one of two branches; the other one is not run."""
    return results(apply(COND, choice, *operands, yes=yes, no=no))


# --- call ------------------------------------------------------------------------------------------------------------


def _call_infer(*operands: Typed, body: Graph) -> Spec:
    _check_body("call", body, [(tuple(x.shape), x.dtype) for x in operands])
    return Spec((), SEVERAL, tuple(Spec(n.shape, n.dtype) for n in body.outputs))


def _call_numpy(*arrays: Any, body: Run) -> tuple[Any, ...]:
    return tuple(body(arrays))


CALL = Primitive("call", "control", infer=_call_infer, numpy=_call_numpy)


def call(body: Graph, operands: Sequence[Node]) -> list[Node]:
    """What a graph gives for these operands: a part of a program whose gradient computes all of it again."""
    return results(apply(CALL, *operands, body=body))
