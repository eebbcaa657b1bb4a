"""Pictures with channels first are turned once, not in every layer.

Layers over space turn such data before and after they compute. These rules move the turn behind a layer down through
all that treats each element alike (biases, activations, normalisation, shortcuts, and their gradients), until it meets
the turn before the next layer and both vanish. What remains are turns of what comes from outside, and of what is wanted
outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from lamina import primitives as p
from lamina.graph import Graph, Node, Primitive, apply
from lamina.graph.body import bodies
from lamina.optimize.rewrite import Rule, expand, rewrite
from lamina.optimize.simplify import reduce_transposed, transpose_again

_CONVOLUTIONS = (p.CONVOLUTION, p.CONVOLUTION_INPUT_GRADIENT, p.CONVOLUTION_KERNEL_GRADIENT)
_OVER_SPACE = (*_CONVOLUTIONS, p.WINDOW_MAX, p.WINDOW_SUM)
_REDUCERS = (p.REDUCE_SUM, p.REDUCE_PROD, p.REDUCE_MAX, p.REDUCE_MIN, p.REDUCE_ANY, p.REDUCE_ALL)

Item = TypeVar("Item")


def turn_pictures_once(graph: Graph) -> Graph:
    """The graph with turns of pictures moved together; the graph itself where no layer turns any."""
    return rewrite(expand(graph, _OVER_SPACE), RULES) if _turns_pictures(graph) else graph


def _turns_pictures(graph: Graph) -> bool:
    return any(
        (_puts_channels_first(node) and node.inputs[0].primitive in _OVER_SPACE)
        or any(map(_turns_pictures, bodies(node).values()))
        for node in graph.nodes()
    )


def _puts_channels_first(node: Node) -> bool:
    """Whether a node moves the last axis of three or more behind the first."""
    rank = node.rank
    return node.primitive is p.TRANSPOSE and rank > 2 and node.attrs["axes"] == (0, rank - 1, *range(1, rank - 1))


def _puts_channels_last(node: Node) -> bool:
    """Whether a node moves the axis behind the first of three or more to the end."""
    rank = node.rank
    return node.primitive is p.TRANSPOSE and rank > 2 and node.attrs["axes"] == (0, *range(2, rank), 1)


def _turned(node: Node, axes: Sequence[int]) -> Node:
    """The transposed node, without a transpose where one can do without."""
    if node.primitive is p.TRANSPOSE:
        return p.transpose(node.inputs[0], [node.attrs["axes"][a] for a in axes])
    if node.primitive is p.BROADCAST:
        inner = node.inputs[0]
        whole = p.reshape(inner, (*[1] * (node.rank - inner.rank), *inner.shape))
        return p.broadcast(_turned(whole, axes), _permuted(node.shape, axes))
    if node.primitive is p.SLICE and node.inputs[0].primitive is p.BROADCAST:
        return apply(p.SLICE, _turned(node.inputs[0], axes), **_turned_attrs(node, axes))
    long = [a for a in axes if node.shape[a] != 1]
    if long == sorted(long):
        return p.reshape(node, _permuted(node.shape, axes))
    return p.transpose(node, axes)


def _turned_attrs(node: Node, axes: Sequence[int]) -> dict[str, Any]:
    """What is said of each axis, in the order of the axes."""
    attrs = dict(node.attrs)
    for name in {"low", "high", "start", "stop", "step"} & set(attrs):
        attrs[name] = _permuted(attrs[name], axes)
    if "axes" in attrs:
        attrs["axes"] = tuple(sorted(axes.index(a) for a in attrs["axes"]))
    return attrs


def _permuted(items: Sequence[Item], axes: Sequence[int]) -> tuple[Item, ...]:
    return tuple(items[a] for a in axes)


def _inverse(axes: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted(range(len(axes)), key=lambda k: axes[k]))


def _turn_of_operand(node: Node) -> tuple[int, ...] | None:
    """The axes of an operand that puts channels first, None where there is none."""
    return next((n.attrs["axes"] for n in node.inputs if n.rank == node.rank and _puts_channels_first(n)), None)


def turn_result(node: Node) -> Node | None:
    """What treats each element alike is computed from turned operands."""
    axes = _turn_of_operand(node)
    if axes is None:
        return None
    back = _inverse(axes)
    return p.transpose(apply(node.primitive, *(_turned(n, back) for n in node.inputs), **node.attrs), axes)


def turn_whole(node: Node) -> Node | None:
    """Turned arrays one after the other."""
    axes = _turn_of_operand(node)
    if axes is None:
        return None
    back = _inverse(axes)
    return p.transpose(p.concatenate(*(_turned(n, back) for n in node.inputs), axis=axes[node.attrs["axis"]]), axes)


def turn_along_axes(node: Node) -> Node | None:
    """Padding, cutting and reversing of a turned array."""
    axes = _turn_of_operand(node)
    if axes is None:
        return None
    attrs = _turned_attrs(node, _inverse(axes))
    return p.transpose(apply(node.primitive, node.inputs[0].inputs[0], **attrs), axes)


def turn_waiting(node: Node) -> Node | None:
    """A turned array that waits."""
    value, *others = node.inputs
    if not _puts_channels_first(value):
        return None
    return p.transpose(p.after(value.inputs[0], others), value.attrs["axes"])


def turn_single(node: Node) -> Node | None:
    """A transpose that moves nothing but axes of extent 1."""
    inner, axes = node.inputs[0], node.attrs["axes"]
    turned = _turned(inner, axes)
    return turned if turned.primitive is not p.TRANSPOSE else None


def pad_turned(node: Node) -> Node | None:
    """Zeros are put around what is turned already: into their middle it is copied anyway, and so turned for nothing.

    Of three axes both turns are the same, of which this rule would undo what the other ones do.
    """
    inner = node.inputs[0]
    if inner.primitive is not p.PAD or not _puts_channels_last(node) or node.rank == 3:
        return None
    axes = node.attrs["axes"]
    return apply(p.PAD, _turned(inner.inputs[0], axes), **_turned_attrs(inner, axes))


def copy_what_is_turned(node: Node) -> Node | None:
    """A picture from outside is turned by a copy, which all convolutions then read line by line."""
    inputs = tuple(p.copy(n) if _puts_channels_last(n) else n for n in node.inputs)
    return None if inputs == node.inputs else apply(node.primitive, *inputs, **node.attrs)


_ELEMENTWISE = [v for v in vars(p).values() if isinstance(v, Primitive) and v.kind == "elementwise"]

RULES: dict[Primitive | None, Sequence[Rule]] = {
    **dict.fromkeys(_ELEMENTWISE, (turn_result,)),
    **dict.fromkeys(_REDUCERS, (reduce_transposed,)),
    **dict.fromkeys((p.PAD, p.SLICE, p.REVERSE), (turn_along_axes,)),
    p.CONCATENATE: [turn_whole],
    p.AFTER: [turn_waiting],
    **dict.fromkeys(_CONVOLUTIONS, (copy_what_is_turned,)),
    p.TRANSPOSE: [transpose_again, turn_single, pad_turned],
}
