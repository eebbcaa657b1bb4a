"""From nodes to scalar expressions: the value of a node at an index."""

from __future__ import annotations

from collections.abc import Callable

from lamina.base import dtypes
from lamina.base.dims import Dimension
from lamina.graph import CONSTANT, Node
from lamina.primitives import BITCAST
from lamina.schedule.expr import Builder, Expr

Index = tuple[Expr, ...]
Resolve = Callable[[Node, Index], "Expr | None"]

INLINE_KINDS = {"elementwise", "movement", "index", "random"}


def is_inline(node: Node) -> bool:
    """Whether a node's element can be computed where it is needed, without memory of its own."""
    return (node.kind in INLINE_KINDS and node.primitive.lower is not None) or is_scalar_constant(node)


def is_scalar_constant(node: Node) -> bool:
    return node.primitive is CONSTANT and node.attrs["value"].value.size == 1


class Lowering:
    """Lowers nodes to expressions; nodes that `resolve` knows (those with memory, mostly) are read through it.

    Args:
        builder: makes the expressions.
        resolve: `resolve(node, index)` gives the element, or None to compute it here.
    """

    def __init__(self, builder: Builder, resolve: Resolve):
        self.builder = builder
        self.resolve = resolve
        self._memo: dict[tuple[Node, tuple[int, ...]], Expr] = {}

    def value(self, node: Node, index: Index) -> Expr:
        """The element of `node` at `index`, in the dtype that it is computed in (float32 for half floats)."""
        key = (node, tuple(map(id, index)))
        found = self._memo.get(key)
        if found is None:
            found = self._memo[key] = self._value(node, index)
        return found

    def _value(self, node: Node, index: Index) -> Expr:
        known = self.resolve(node, index)
        if known is not None:
            return known
        b = self.builder
        if is_scalar_constant(node):
            return b.const(node.attrs["value"].value.reshape(()).item(), dtypes.compute_dtype(node.dtype))
        attrs = dict(node.attrs)
        if node.kind == "elementwise":
            scalars = [self._scalar(node, n, index) for n in node.inputs]
            result = node.primitive.lower(b, *scalars, **attrs)
        else:
            mixed = sum(dtypes.is_float(n.dtype) for n in node.inputs) > 1
            readers = [Reader(self, n, widened=mixed) for n in node.inputs]
            result = node.primitive.lower(b, index, *readers, **attrs)
        return result

    def _scalar(self, node: Node, operand: Node, index: Index) -> Expr:
        """An operand as `node` computes with it: half floats wide, but for their bits, which are those of memory."""
        value = self.value(operand, index)
        return self.builder.cast(value, operand.dtype) if node.primitive is BITCAST else widen(self.builder, value)


class Reader:
    """An operand, as a primitive's `lower` sees it: `reader(index)` is an element; `shape` is the whole's.

    Where elements of several operands meet they are `widened`, as one may come from memory and one be computed.
    """

    def __init__(self, lowering: Lowering, node: Node, widened: bool = False):
        self._lowering = lowering
        self._node = node
        self._widened = widened
        self.shape = node.shape

    def __call__(self, index: Index) -> Expr:
        value = self._lowering.value(self._node, tuple(index))
        return widen(self._lowering.builder, value) if self._widened else value


def value_of(b: Builder, node: Node, index: Index, resolve: Resolve) -> Expr:
    """The element of `node`, computed here even if it has memory."""
    return Lowering(b, lambda n, at: None if n is node else resolve(n, at)).value(node, index)


def widen(b: Builder, e: Expr) -> Expr:
    """Half floats are computed in float32."""
    return b.cast(e, dtypes.compute_dtype(e.dtype))


def domain_of(node: Node) -> tuple[Dimension, ...]:
    """The loops that computing a node takes: its shape, or its operand's where it folds axes away."""
    return node.inputs[0].shape if node.kind == "reduce" else node.shape
