"""What all ways to run a tiled contraction share: its product, tile, calls, scratch memory, and what follows it."""

from __future__ import annotations

from dataclasses import replace

from lamina.base import dtypes
from lamina.base.dims import Dim, Dimension
from lamina.schedule.blocking import Blocking
from lamina.schedule.collapse import total, unflatten
from lamina.schedule.epilogue import epilogue
from lamina.schedule.expr import INDEX, Buffer, Builder, Expr
from lamina.schedule.fusion import Group
from lamina.schedule.loops import Address, Loop, Statement
from lamina.schedule.operands import Strided
from lamina.schedule.places import Places
from lamina.schedule.product import Product, loop_extent
from lamina.schedule.target import Target
from lamina.schedule.tasks import TYPICAL_EXTENT
from lamina.schedule.tiles import Band, Goal, Left, Right, RightInPlace, TileCalls, tile_bound

# Bytes after which addresses share a place in the level-1 cache, of common processors.
CACHE_WAY = 4096


class Tiling:
    """A contraction and its epilogue while they are lowered.

    Attributes:
        group: the contraction and the members fused behind it; node: the contraction.
        product, plan: how it is read, and the tile.
        right: where B is read; in place until it is packed.
        locals: scratch buffers of the kernel.
    """

    def __init__(
        self,
        b: Builder,
        group: Group,
        memory: Places,
        name: str,
        target: Target,
        product: Product,
        plan: Blocking,
    ):
        self.b, self.group, self.memory, self.name, self.target = b, group, memory, name, target
        self.node = group.members[0].node
        self.dtype = self.node.dtype
        self.size = dtypes.size(self.dtype)
        self.lanes = target.lanes(self.dtype)
        self.product, self.plan = product, plan
        self.width = plan.vectors * self.lanes
        self.calls = TileCalls(
            b, self.dtype, plan.rows, plan.vectors, self.lanes,
            product.size(product.m), product.size(product.n), target.has_masks,
        )  # fmt: skip
        self.right: Right = RightInPlace(b, product)
        self.locals: list[Buffer] = []

    @property
    def alone(self) -> bool:
        """Whether nothing follows the contraction."""
        return len(self.group.members) == 1

    def local(self, word: str, elements: int) -> Buffer:
        buffer = Buffer(f"{self.name}_{word}", (elements,), self.dtype, "local")
        self.locals.append(buffer)
        return buffer

    def sums(self) -> Strided:
        """Where sums that grow step by step are kept: in the result itself, or in memory like it."""
        if self.node in self.memory:
            return self.product.out
        return replace(self.product.out, buffer=Buffer(f"{self.name}_sums", self.node.shape, self.dtype, "temporary"))

    # Bands: rows of C as high as a tile

    def tiles(self) -> Expr:
        """The number of bands, for one place of the outer labels."""
        b, rows = self.b, self.plan.rows
        size = b.dim(self.product.size(self.product.m))
        return b.floordiv(b.add(size, b.const(rows - 1, INDEX)), b.const(rows, INDEX))

    def places(self) -> tuple[Expr, list[Expr], Expr]:
        """All bands as one loop: their number, a variable for each outer label, and one for the band."""
        b, p = self.b, self.product
        outer = [b.variable(p.extents[x]) for x in p.outer]
        tile = b.variable(tile_bound(p.size(p.m), self.plan.rows))
        return b.mul(total(b, outer), self.tiles()) if outer else self.tiles(), outer, tile

    def decode(self, position: Expr, outer: list[Expr], tile: Expr) -> dict[Expr, Expr]:
        """The place of a position among all bands."""
        b, tiles = self.b, self.tiles()
        if not outer:
            return {tile: position}
        around = b.floordiv(position, tiles)
        return {tile: b.rem(position, tiles), **unflatten(b, around, outer)}

    def position(self, outer: list[Expr], tile: Expr) -> Expr:
        """A variable over all bands."""
        return self.b.variable(loop_extent([*outer, tile]))

    def band(self, outer: list[Expr], tile: Expr, start: Expr, end: Expr) -> Band:
        """The band with this number, all of k."""
        b, p = self.b, self.product
        row = b.mul(tile, b.const(self.plan.rows, INDEX))
        height = b.min(b.sub(b.dim(p.size(p.m)), row), b.const(self.plan.rows, INDEX))
        depth = [b.const(0, INDEX) for _ in p.levels]
        counts = [b.dim(p.size(level)) for level in p.levels]
        return Band(dict(zip(p.outer, outer)), row, height, start, end, depth, counts)

    def multiply(self, band: Band, left: Left, goal: Goal, again: Expr | bool = False) -> list[Statement]:
        return self.calls.band(band, left, self.right, goal, again)

    # What follows the product

    def finish(self, band: Band, held: Goal) -> list[Statement]:
        """Loops over a computed band: the epilogue, and the stores of all that others need."""
        b, p = self.b, self.product
        line, item, zero = b.variable(self.plan.rows), b.variable(p.size(p.n)), b.const(0, INDEX)
        row, column = b.add(band.row, line), b.add(band.start, item)
        address = held.arguments(band, line, column)[0]
        assert isinstance(address, Address)
        index = p.out_index(b, self.node.attrs["labels"][2], band.outer, row, column)
        value = b.load(address.buffer, address.index)
        stores = epilogue(b, self.group, self.memory, value, index)
        inner = Loop(item, zero, b.sub(band.end, band.start), stores, vector=True)
        return [Loop(line, zero, band.height, [inner])]


def rows_collide(p: Product, size: int) -> bool:
    """Whether the rows of a tile of A compete for the same few places of the level-1 cache, for elements of `size`."""
    stride = p.stride(p.left, p.m)
    if isinstance(stride, Dim):  # of a batch, whose size is a power of two more often than not
        return True
    return stride * size % CACHE_WAY == 0 and stride > 0


def known(extent: Dimension) -> int:
    """An extent, or a guess where it is open."""
    if isinstance(extent, int):
        return extent
    return extent.constant + sum(c * TYPICAL_EXTENT ** (1 + symbols.count("*")) for symbols, c in extent.terms)


def share(b: Builder, task: Expr, tasks: Expr, count: Expr) -> tuple[Expr, Expr]:
    """The part of `count` that a task has: as many as others have, but for one."""
    first = b.floordiv(b.mul(task, count), tasks)
    return first, b.floordiv(b.mul(b.add(task, b.const(1, INDEX)), count), tasks)


def round_up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple
