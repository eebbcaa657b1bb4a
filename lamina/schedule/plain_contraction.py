"""Contractions: sums of products of two operands, as kernels."""

from __future__ import annotations

from lamina.base import dtypes
from lamina.graph import Node
from lamina.schedule.epilogue import epilogue
from lamina.schedule.expr import INDEX, Buffer, Builder, Expr
from lamina.schedule.fusion import Group
from lamina.schedule.loops import Collapse, Declare, Kernel, Loop, Statement, Store, Update
from lamina.schedule.lowering import Index, Lowering, widen
from lamina.schedule.nests import describe, nest
from lamina.schedule.places import Places
from lamina.schedule.spread import spread
from lamina.schedule.tasks import TYPICAL_EXTENT


class PlainContraction:
    """Any contraction as plain loops: one row of the result at a time, in scratch memory.

    Serves element types and shapes that the tiled kernels do not.
    """

    def __init__(self, group: Group, memory: Places, name: str):
        self.b = Builder()
        self.group = group
        self.memory = memory
        self.name = name
        self.node = group.members[0].node

    def kernels(self) -> list[Kernel]:
        b, node = self.b, self.node
        left, right, out = node.attrs["labels"]
        extents = dict(zip(left, node.inputs[0].shape)) | dict(zip(right, node.inputs[1].shape))
        summed = [x for x in left if x not in out]
        variables = {x: b.variable(extents[x]) for x in [*out, *summed]}
        lowering = Lowering(b, self._resolve)
        dtype = dtypes.compute_dtype(node.dtype)
        factors = [
            b.cast(widen(b, lowering.value(operand, tuple(variables[x] for x in labels))), dtype)
            for operand, labels in zip(node.inputs, (left, right))
        ]
        product = b.mul(*factors)
        row = Buffer(f"{self.name}_row", (extents[out[-1]] if out else 1,), dtype, "local")
        rows = [variables[x] for x in out[:-1]]
        column = variables[out[-1]] if out else b.variable(1)
        sums = [variables[x] for x in summed]
        body = self._sum(row, column, sums, product)
        body.append(nest(b, [column], self._finish(row, (*rows, column) if out else (), column)))
        return [self._kernel(body, rows, row, sums, column)]

    def _resolve(self, node: Node, index: Index) -> Expr | None:
        return self.memory.read(self.b, node, index)

    def _sum(self, row: Buffer, column: Expr, sums: list[Expr], product: Expr) -> list[Statement]:
        """Fills the scratch row: along the columns where operands are contiguous there, along the sum elsewhere."""
        b, zero = self.b, self.b.const(0, INDEX)
        clear = nest(b, [fresh := b.variable(column.attr[1])], [Store(row, fresh, b.const(0, row.dtype))])
        if not sums:
            return [nest(b, [column], [Store(row, column, product)])]
        if column.attr[1] == 1:
            return [clear, *self._dot(row, zero, sums, b.substitute(product, {column: zero}))]
        step = Store(row, column, b.add(b.load(row, column), product))
        inner = Loop(column, zero, b.dim(column.attr[1]), [step], vector=True)
        result: Statement = inner
        for variable in reversed(sums):
            result = Loop(variable, zero, b.dim(variable.attr[1]), [result])
        return [clear, result]

    def _dot(self, row: Buffer, column: Expr, sums: list[Expr], product: Expr) -> list[Statement]:
        b = self.b
        accumulator, other = b.accumulator(f"{self.name}_dot", row.dtype), b.accumulator(f"{self.name}_o", row.dtype)
        declare = Declare(accumulator, b.const(0, row.dtype), other, b.add(accumulator, other))
        loops = nest(b, sums, [Update(accumulator, b.add(accumulator, product))])
        return [declare, loops, Collapse(accumulator), Store(row, column, accumulator)]

    def _finish(self, row: Buffer, index: Index, column: Expr) -> list[Statement]:
        """Stores the row, and what is fused behind the contraction."""
        return epilogue(self.b, self.group, self.memory, self.b.load(row, column), index)

    def _kernel(self, body: list[Statement], rows: list[Expr], row: Buffer, sums: list[Expr], column: Expr) -> Kernel:
        work = 1
        for variable in [*sums, column]:
            work *= variable.attr[1] if isinstance(variable.attr[1], int) else TYPICAL_EXTENT
        return spread(self.b, self.name, rows, body, work, describe(self.group.nodes), scratch=[row])
