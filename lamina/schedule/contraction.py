"""Contractions as tiled matrix products around a microkernel, with what is fused behind them.

A is broadcast element by element, B is read in vectors: from memory where n is contiguous there, otherwise from
panels that a kernel of its own packs first. A convolution is such a product too: A are windows of a picture, read where
they lie, with k in several nested loops. Work behind the product (a bias, an activation, an optimizer's update) runs
on a few rows at a time, while they are in the nearest cache.

There are three orders of work: `bands` forms whole sums a band of rows at a time, `multiply_blocks` takes long
sums of known length in blocks, and `add_up` takes sums over a batch, or all of its pixels, in parts.
"""

from __future__ import annotations

import math
from dataclasses import replace

from lamina.base import dtypes
from lamina.base.config import config
from lamina.base.dims import Dim, Dimension
from lamina.graph import Node
from lamina.schedule.bands import column_block, copies_rows, multiply_bands
from lamina.schedule.batch_sums import add_up_blocks, sums_over_batch
from lamina.schedule.blocking import Blocking, blocking, tallest_tile
from lamina.schedule.expr import Buffer, Builder
from lamina.schedule.fusion import Group
from lamina.schedule.long_sums import add_up, multiply_blocks
from lamina.schedule.loops import Kernel
from lamina.schedule.operands import Strided
from lamina.schedule.panels import pack_right
from lamina.schedule.places import Places
from lamina.schedule.product import Product, as_product
from lamina.schedule.target import Target
from lamina.schedule.tiling import Tiling, known
from lamina.schedule.triangles import triangle
from lamina.schedule.widening import widen_operands
from lamina.schedule.winograd import Winograd, choose, find_geometry
from lamina.schedule.winograd_gradient import WinogradGradient, find_kernel_gradient

TILED_DTYPES = ("float32", "float64", "int32", "int64")
# The tile height of products whose m is open until the program runs: small batches divide by it.
OPEN_ROWS = 8
# Blocks of columns that are shared out before rows are.
COLUMN_BLOCKS = 8
# Rows up to which those of a batch are few: they are then not what a product is cut by.
FEW_ROWS = 2048
# Bands up to which they are too few to be shared out, where their number is known.
FEW_BANDS = 4
# Bands of A that pass by the same B from which a copy of it always pays.
MANY_TILES = 32
# Steps of k from which a sum over a batch is taken in parts.
LONG_SUM = 2048


def contraction_kernels(group: Group, memory: Places, name: str, target: Target) -> list[Kernel] | None:
    """The kernels of a contraction and its epilogue; None where plain loops serve better."""
    node = group.members[0].node
    if node.dtype not in TILED_DTYPES or any(n.dtype != node.dtype for n in node.inputs):
        return None
    b = Builder()
    stand_in = memory.get(node) or Buffer("unnamed", node.shape, node.dtype, "temporary")
    product = as_product(b, node, memory, stand_in)
    if product is None or not _worth_tiling(product):
        return None
    if not config.winograd:
        return _widened(b, group, memory, name, target, product)
    multiply = _Products(target)
    geometry = find_kernel_gradient(node, product)
    if geometry is not None:
        return WinogradGradient(group, memory, name, product, geometry, multiply).kernels()
    geometry = find_geometry(node, product)
    if geometry is None:
        return _widened(b, group, memory, name, target, product)
    winograd = Winograd(group, memory, name, product, geometry, multiply)
    return choose(winograd, lambda: _widened(b, group, memory, f"{name}_direct", target, product))


def _widened(b: Builder, group: Group, memory: Places, name: str, target: Target, product: Product) -> list[Kernel]:
    """The product, with copies before it of operands in another dtype, but for those that it copies by parts anyway."""
    node = group.members[0].node
    t = Tiling(b, group, memory, name, target, product, _plan(product, target, node.dtype))
    sides = [operand for operand, layout in zip(node.inputs, _in_order_of_inputs(node, product)) if layout.casts
             and not _copied_by_parts(t, layout)]  # fmt: skip
    if not sides:
        return _tiled(b, group, memory, name, target, product)
    found, copies = widen_operands(node, sides, memory, name)
    wide = as_product(b, node, found, product.out.buffer)
    assert wide is not None, "copies lie as regularly as what they are copies of"
    return [*copies, *_tiled(b, group, memory, name, target, wide)]


def _in_order_of_inputs(node: Node, p: Product) -> tuple[Strided, Strided]:
    """How the operands lie, the first one first."""
    return (p.left, p.right) if set(p.left.strides) == set(node.attrs["labels"][0]) else (p.right, p.left)


def _copied_by_parts(t: Tiling, layout: Strided) -> bool:
    """Whether the product copies all of an operand that it reads, so that it can cast it then."""
    p = t.product
    if _sums_over_pixels(t):
        return sums_over_batch(t)
    if layout is p.right:
        return t.plan.pack_b != "none" and p.stride(p.right, p.n) == 1
    return copies_rows(t)


def _tiled(b: Builder, group: Group, memory: Places, name: str, target: Target, product: Product) -> list[Kernel]:
    """The product as one, with a copy of B before it where that pays."""
    t = Tiling(b, group, memory, name, target, product, _plan(product, target, group.members[0].node.dtype))
    before = [pack_right(t)] if t.plan.pack_b != "none" else []
    half = triangle(t)
    kernels = _in_order(t) if half is None else [multiply_bands(t, None, half)]
    places = product.size(product.outer) * product.size(product.m) * product.size(product.n)
    kernels[0].flops = (2 if half is None else 1) * product.depth * places
    return [*before, *kernels]


class _Products:
    """Lowers a contraction that another lowering is made of."""

    def __init__(self, target: Target):
        self.target = target

    def __call__(self, group: Group, memory: Places, name: str) -> list[Kernel]:
        kernels = contraction_kernels(group, memory, name, self.target)
        assert kernels is not None, "a product of whole matrices is always tiled"
        return kernels


def _in_order(t: Tiling) -> list[Kernel]:
    """The kernels of the product, in the order of work that its sizes call for."""
    p = t.product
    # Sums that grow in C itself need tiles that end where its rows do.
    n = p.size(p.n)
    grows = t.target.has_masks or (isinstance(n, int) and n % t.lanes == 0)
    if grows and _sums_over_pixels(t):
        return [add_up_blocks(t)] if sums_over_batch(t) else add_up(t)
    most = FEW_ROWS if isinstance(p.size(p.m), Dim) else FEW_BANDS * t.plan.rows
    few = known(p.size(p.m)) <= most and not p.outer
    if grows and not p.outer and len(p.levels) == 1 and isinstance(p.depth, int) and p.depth > t.plan.kc:
        return [multiply_blocks(t, column_block(t, True, COLUMN_BLOCKS) if few else None)]
    few = few or (isinstance(p.depth, Dim) and not p.outer)
    return [multiply_bands(t, column_block(t, few, COLUMN_BLOCKS))]


def _sums_over_pixels(t: Tiling) -> bool:
    """Whether k is as long as a batch of pictures, with neighbours of m next to each other, as for a weight."""
    p = t.product
    adjacent = p.stride(p.left, p.m) in (0, 1) and p.stride(p.left, p.levels[-1]) != 1
    is_open = isinstance(p.depth, Dim) or len(p.levels) > 1
    return adjacent and is_open and not p.line and p.levels_in_place and known(p.depth) > LONG_SUM


def _plan(p: Product, target: Target, dtype: str) -> Blocking:
    m, n, k = (d if isinstance(d, int) else None for d in (p.size(p.m), p.size(p.n), p.depth))
    transposed = p.stride(p.right, p.n) != 1
    adjacent = p.stride(p.left, p.m) == 1
    plan = blocking(target, dtype, m, n, k, a_transposed=adjacent, b_transposed=transposed)
    rows, tallest = plan.rows, tallest_tile(target, plan.vectors)
    if p.line:
        rows = _whole_lines(p.line, int(p.size(p.m)), tallest)  # type: ignore[arg-type]
    elif m is None:
        rows = _open_rows(p.size(p.m), min(rows, OPEN_ROWS), tallest)
    elif m > rows and plan.pack_a == "none" and _right_is_near(p, target, dtype) and not p.outer:
        rows = min((rows, OPEN_ROWS), key=lambda height: _slowest_share(m, height))
    return replace(plan, rows=rows, pack_b=_packing(p, target, dtype, replace(plan, rows=rows)))


def _packing(p: Product, target: Target, dtype: str, plan: Blocking) -> str:
    """How B is packed, given what would be best if there were this product only once."""
    n, lanes = p.size(p.n), target.lanes(dtype)
    transposed = p.stride(p.right, p.n) != 1
    if plan.pack_b == "edge" or (not target.has_masks and not (isinstance(n, int) and n % lanes == 0)):
        return "transposed" if transposed else "panels"
    kept = p.right.buffer.role == "weight" and isinstance(n, int) and n >= lanes
    if transposed or not p.levels_in_place or kept:
        return "panels"
    of_right = [x for x in p.outer if p.right.strides.get(x, 0) != 0]
    if plan.pack_b == "panels" and target.has_masks and (of_right or isinstance(p.depth, Dim)):
        # Sums of unknown length run over a batch mostly: too short for a copy of B to pay.
        return "none"
    size = known(p.depth) * known(n) * dtypes.size(dtype)
    if (
        isinstance(p.depth, int)
        and not of_right
        and _passes(p) >= MANY_TILES * plan.rows
        and size > target.caches[0] // 2
    ):
        return "panels"
    return plan.pack_b


def _whole_lines(line: int, m: int, tallest: int) -> int:
    """Rows of a tile that takes several short lines of a picture: as many as fit, but as even as can be."""
    lines = m // line
    most = max(1, tallest // line)
    return -(-lines // -(-lines // most)) * line


def _open_rows(m: Dimension, otherwise: int, tallest: int) -> int:
    """A tile height that divides m whatever its symbols are, if there is a good one."""
    assert isinstance(m, Dim)
    divisor = math.gcd(m.constant, *(c for _, c in m.terms))
    return next((h for h in range(tallest, tallest // 2, -1) if divisor % h == 0), otherwise)


def _right_is_near(p: Product, target: Target, dtype: str) -> bool:
    """Whether B stays in the level-2 cache with room to spare, so that lower tiles cost no bandwidth."""
    return known(p.size(p.n)) * known(p.depth) * dtypes.size(dtype) <= target.caches[1] // 2


def _worth_tiling(p: Product) -> bool:
    """Whether there is anything to do, and enough that packing B pays where it must be."""
    if 0 in (p.size(p.m), p.size(p.n), p.depth):
        return False
    return p.stride(p.right, p.n) == 1 or _passes(p) > 2


def _passes(p: Product) -> int:
    """Rows of A that meet the same B."""
    return known(p.size(p.m)) * known(p.size("".join(x for x in p.outer if p.right.strides.get(x, 0) == 0)))


def _slowest_share(m: int, height: int) -> int:
    """Rows that the busier one of two threads computes."""
    tiles = -(-m // height)
    return -(-tiles // 2) * height
