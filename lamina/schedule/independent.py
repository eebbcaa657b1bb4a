"""Loops that treat every row of a batch by itself: each thread can run all steps on rows of its own, without waiting.

The axis is the first one of everything that differs between rows, and its length is a symbol: a thread is given the
addresses of its first row and its own number for the symbol, and kernels do not know that there are other rows.
"""

from __future__ import annotations

from collections.abc import Sequence

from lamina.base.dims import Dim, Dimension
from lamina.graph import CONSTANT, INPUT, Graph, Node
from lamina.primitives import CONTRACT
from lamina.schedule.expr import INDEX, Builder, Expr, expressions
from lamina.schedule.loops import Kernel
from lamina.schedule.lowering import Index, Lowering, is_inline
from lamina.schedule.regions import Item, kernels_of
from lamina.schedule.tiling import known

# Operations for one row of a batch from which threads that share them gain more than waiting for each other costs.
WIDE_STEP = 1 << 18


def row_symbol(body: Graph) -> str | None:
    """The symbol of the first axis of all that a step gives, if no row of it depends on another row."""
    firsts = {n.shape[0] if n.rank else 1 for n in body.outputs}
    first = firsts.pop() if len(firsts) == 1 else 1
    if not isinstance(first, Dim) or first.constant or len(first.terms) != 1 or first.terms[0][1] != 1:
        return None
    symbol = first.terms[0][0]
    if "*" in symbol or not all(_treats_rows_alone(n, symbol) for n in body.nodes()):
        return None
    return symbol


def work_of_row(items: Sequence[Item], symbol: str) -> int:
    """Operations of the products that a step makes for one row, an estimate."""
    flops = sum(known(k.flops) for k in kernels_of(items) if k.flops is not None)
    return flops // known(Dim(symbol))


def has_rows(shape: Sequence[Dimension], symbol: str) -> bool:
    """Whether the symbol has a part in a shape."""
    return any(_mentions(d, symbol) for d in shape)


def kept_apart(items: Sequence[Item], symbol: str) -> bool:
    """Whether kernels write nothing but rows, which lie one after the other in their buffers."""
    for kernel in items:
        if not isinstance(kernel, Kernel):
            return False
        written = kernel.written()
        for buffer in kernel.buffers():
            if has_rows(buffer.shape, symbol):
                if not _has_rows_first(buffer.shape, symbol):
                    return False
            elif buffer in written:
                return False
    return True


def _mentions(dimension: Dimension, symbol: str) -> bool:
    return isinstance(dimension, Dim) and any(symbol in s.split("*") for s, _ in dimension.terms)


def _has_rows_first(shape: Sequence[Dimension], symbol: str) -> bool:
    return shape[0] == Dim(symbol) and not has_rows(shape[1:], symbol)


def _treats_rows_alone(node: Node, symbol: str) -> bool:
    rows = has_rows(node.shape, symbol)
    if rows and not _has_rows_first(node.shape, symbol):
        return False
    if node.primitive in (INPUT, CONSTANT):
        return True
    if not rows:
        told = any(_in_attribute(value, symbol) for value in node.attrs.values())
        return not told and not any(has_rows(n.shape, symbol) for n in node.inputs)
    if node.primitive is CONTRACT:
        return _contracts_rows(node, symbol)
    if node.kind == "reduce":
        return 0 not in node.attrs.get("axes", (0,)) and len(node.inputs) == 1
    return is_inline(node) and _reads_rows(node, symbol)


def _in_attribute(value: object, symbol: str) -> bool:
    if isinstance(value, tuple):
        return any(_in_attribute(v, symbol) for v in value)
    return isinstance(value, Dim) and _mentions(value, symbol)


def _contracts_rows(node: Node, symbol: str) -> bool:
    """Whether the axis of rows is the same one in the result and in the operands that have it."""
    first, second, result = node.attrs["labels"]
    for operand, labels in zip(node.inputs, (first, second)):
        if result[0] in labels[1:] or (result[0] in labels) != has_rows(operand.shape, symbol):
            return False
    return True


def _reads_rows(node: Node, symbol: str) -> bool:
    """Whether an element is computed from the same row of its operands, and from nothing that tells which row it is."""
    b = Builder()
    variables = tuple(b.variable(d) for d in node.shape)
    row, ok = variables[0], True

    def resolve(operand: Node, index: Index) -> Expr | None:
        nonlocal ok
        if operand is node:
            return None
        if has_rows(operand.shape, symbol):
            ok = ok and index[0] is row
            index = index[1:]
        return b.make("element", index, operand.dtype, id(operand))

    value = Lowering(b, resolve).value(node, variables)
    return ok and row not in value.depends and not any(_tells_size(e, symbol) for e in expressions([value]))


def _tells_size(e: Expr, symbol: str) -> bool:
    if e.op == "dim":
        return _mentions(e.attr, symbol)
    return e.op == "affine" and e.dtype == INDEX and has_rows((*e.attr[0], e.attr[1]), symbol)
