"""How a contraction's operands lie in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lamina import primitives
from lamina.base import dtypes
from lamina.base.dims import Dim, Dimension
from lamina.graph import CONSTANT, INPUT, Node
from lamina.schedule.expr import Buffer, Builder, Expr
from lamina.schedule.lowering import Index, Lowering, is_inline, is_scalar_constant

VIEWS = (
    primitives.RESHAPE,
    primitives.TRANSPOSE,
    primitives.BROADCAST,
    primitives.SLICE,
    primitives.REVERSE,
    primitives.WINDOWS,
)


@dataclass(frozen=True)
class Strided:
    """Elements at `offset + sum(stride of label * index of label)` of a buffer; strides count elements.

    Attributes:
        casts: dtypes that an element is cast to where it is read, one after the other.
    """

    buffer: Buffer
    offset: Dimension
    strides: dict[str, Dimension]
    casts: tuple[str, ...] = ()

    def element(self, b: Builder, index: Expr) -> Expr:
        """The element at a position in the buffer."""
        value = b.load(self.buffer, index)
        for dtype in self.casts:
            value = b.cast(value, dtype)
        return value


def view_base(node: Node) -> Node | None:
    """The node whose memory `node` is a regular view of, None where it is not one."""
    base = node
    while base.primitive in VIEWS or is_cast_in_reading(base):
        base = base.inputs[0]
    if is_scalar_constant(base):
        return None
    probe = Buffer("probe", base.shape, base.dtype, "input")
    builder = Builder()
    variables = tuple(builder.variable(d) for d in node.shape)
    labels = "".join(chr(ord("a") + k) for k in range(node.rank))

    def resolve(n: Node, index: Index) -> Expr | None:
        return builder.load(probe, builder.linear(index, n.shape)) if n is base else None

    found = strided(builder, node, variables, labels, resolve)
    return base if found is not None else None


def is_cast_in_reading(node: Node) -> bool:
    """Whether a cast is never worth memory: a half float widened, or what comes from outside rounded to one."""
    if node.primitive is not primitives.CAST:
        return False
    source = node.inputs[0]
    if dtypes.compute_dtype(source.dtype) != source.dtype:
        return node.dtype == dtypes.compute_dtype(source.dtype)
    while source.primitive in VIEWS:
        source = source.inputs[0]
    return source.primitive is INPUT and dtypes.compute_dtype(node.dtype) == source.dtype != node.dtype


def views_between(operand: Node) -> list[Node]:
    """The views through which a contraction reads an operand's memory: they are never worth memory of their own."""
    base = view_base(operand)
    found: list[Node] = []
    while base is not None and operand is not base:
        found.append(operand)
        operand = operand.inputs[0]
    return found


def strided(
    b: Builder, node: Node, variables: Index, labels: str, resolve: Callable[[Node, Index], Expr | None]
) -> Strided | None:
    """The layout of `node` over loop variables with these labels, None where it is not regular."""
    element = Lowering(b, resolve).value(node, variables)
    casts: list[str] = []
    while element.op == "cast":
        casts.insert(0, element.dtype)
        element = element.args[0]
    if element.op != "load":
        return None
    index = element.args[0]
    if index.op == "const" or index.op == "dim":
        terms, offset = {}, index.attr
    elif index.op == "affine":
        terms, offset = dict(zip(index.args, index.attr[0])), index.attr[1]
    else:
        terms, offset = {index: 1}, 0
    known = dict(zip(variables, labels))
    if any(atom not in known for atom in terms):
        return None
    strides = dict.fromkeys(labels, 0) | {known[atom]: stride for atom, stride in terms.items()}
    return Strided(element.attr, offset, strides, tuple(casts))


def needs_memory(node: Node) -> Node | None:
    """The node that must have memory so that `node` can be an operand: itself, or what it is a view of."""
    base = view_base(node)
    wanted = node if base is None else base
    return None if wanted.primitive in (INPUT, CONSTANT) or not is_inline(wanted) else wanted


def merged(labels: str, extents: dict[str, Dimension], layouts: list[dict[str, Dimension]]) -> tuple[str, str]:
    """Splits labels into outer ones and a last run that is one long axis in every layout.

    Returns:
        (outer labels, merged labels): the strides of the merged axis are those of its last label.
    """
    parts = runs(labels, extents, layouts)
    return "".join(parts[:-1]), "".join(parts[-1:])


def runs(labels: str, extents: dict[str, Dimension], layouts: list[dict[str, Dimension]]) -> list[str]:
    """Cuts labels into runs that are one long axis in every layout."""
    result: list[str] = []
    for label in labels:
        if result and all(_continues(layout, result[-1][-1], label, extents) for layout in layouts):
            result[-1] += label
        else:
            result.append(label)
    return result


def is_axis(labels: str, extents: dict[str, Dimension], strides: dict[str, Dimension]) -> bool:
    """Whether these labels are one long axis in a layout."""
    return len(runs(labels, extents, [strides])) <= 1


def _continues(layout: dict[str, Dimension], outer: str, inner: str, extents: dict[str, Dimension]) -> bool:
    stride, extent = layout[inner], extents[inner]
    if isinstance(stride, Dim) and isinstance(extent, Dim):
        return False
    return layout[outer] == stride * extent


def length(labels: str, extents: dict[str, Dimension]) -> Dimension:
    """The extent of a merged axis."""
    result: Dimension = 1
    for label in labels:
        result = result * extents[label]
    return result


def place(b: Builder, layout: Strided, positions: dict[str, Expr]) -> Expr:
    """The index of the element at these positions; labels that are not given are at 0."""
    index = b.dim(layout.offset)
    for label, position in positions.items():
        index = b.add(index, b.mul(position, b.dim(layout.strides[label])))
    return index
