"""Chooses tile shape, block sizes and packing of a matrix product from its sizes and the target's caches.

The loops that these numbers are for, outermost first:

    for columns in steps of nc:                  the block of B, kc x nc, lies in the level-3 cache
        for k in steps of kc:                    every pass after the first accumulates into C
            pack the block of B                  (where `pack_b` says so)
            for rows in steps of mc:             the block of A, mc x kc, lies in the level-2 cache
                pack the block of A              (where `pack_a` says so)
                for tile rows in the block:      one tile of A, rows x kc, lies in the level-1 cache
                    for tile columns:            B streams past it
                        microkernel
"""

from __future__ import annotations

from dataclasses import dataclass

from lamina.base import dtypes
from lamina.schedule.target import CACHE_LINE, Target

_MOST_VECTORS = 8
_MOST_ROWS = 16
_LONGEST_K = 512
# Bands of rows from which a low one at the end does not matter.
MANY_BANDS = 12
_WORTH_PACKING = 6
"""Packing pays once every packed element is read by at least so many tiles."""


@dataclass(frozen=True)
class Blocking:
    """The shape of the loops around a microkernel.

    Attributes:
        rows, vectors: shape of the tile, the width in vectors.
        kc, mc, nc: block sizes along k, m and n.
        pack_a: `"none"`: A is read in place. `"rows"`: the rows of a block are copied one after the other, read
            with mode `strided`. `"panels"`: panels of `rows` columns by `pack_rows`, read with mode `adjacent`.
        pack_b: `"none"`: in place. `"edge"`: in place but for the last, partial panel. `"panels"`: by `pack_rows`.
            `"transposed"`: by `pack_transposed`.
    """

    rows: int
    vectors: int
    kc: int
    mc: int
    nc: int
    pack_a: str
    pack_b: str


def blocking(
    target: Target,
    dtype: str,
    m: int | None,
    n: int | None,
    k: int | None,
    *,
    a_transposed: bool = False,
    b_transposed: bool = False,
) -> Blocking:
    """Returns the blocking for `C[m, n] = A[m, k] @ B[k, n]`; a size that is not known yet is None.

    Args:
        target: the machine.
        dtype: of the arithmetic.
        m, n, k: the sizes.
        a_transposed: whether A's unit stride is along m rather than k.
        b_transposed: whether B's unit stride is along k rather than n.
    """
    size, lanes = dtypes.size(dtype), target.lanes(dtype)
    rows, vectors = tile_shape(target, dtype, m, n)
    level1, level2, level3 = target.caches
    whole_k = k if k is not None else 4 * _LONGEST_K
    pack_a = _pack_a(target, size, vectors * lanes, (m, n, k), a_transposed)
    pack_b = _pack_b(target, dtype, (rows, vectors), (m, n, k), b_transposed)
    longest = max(64, min(_LONGEST_K, level1 * 3 // 4 // (rows * size)))
    if pack_a == "none" and pack_b in ("none", "edge"):
        longest *= 2  # nothing is copied, and C is written only once
    kc = _even_part(whole_k, longest)
    mc = max(rows, level2 // 2 // (kc * size) // rows * rows)
    width = vectors * lanes
    nc = max(width, level3 // 8 // (kc * size) // width * width)
    return Blocking(rows, vectors, kc, mc, nc, pack_a, pack_b)


def tile_shape(target: Target, dtype: str, m: int | None, n: int | None) -> tuple[int, int]:
    """Rows and vectors of the tile: as many accumulators as there are registers, as square as the matrix lets it.

    Where m is small and known, a height that divides it is preferred, so that one microkernel does.
    """
    rows, vectors = _full_tile(target)
    budget = target.registers - (1 if target.has_fma else 3)
    needed = vectors if n is None else -(-n // target.lanes(dtype))
    if needed < vectors:
        vectors = needed
        rows = min(_MOST_ROWS, budget // vectors - 1)
    if m is not None and m < rows:
        widest = max(1, min(_MOST_VECTORS, needed if n is not None else _MOST_VECTORS, budget // (m + 1)))
        return m, _width(needed, widest) if n is not None else widest
    return (_height(m, rows, tallest_tile(target, vectors)) if m is not None else rows), vectors


def _width(needed: int, widest: int) -> int:
    """A width that divides what is needed, at best into an even number of panels, if one is about as wide."""
    widths = range(widest, max(1, widest // 2) - 1, -1)
    for panels in (2, 1):
        for width in widths:
            if needed % (width * panels) == 0:
                return width
    return widest


def tallest_tile(target: Target, vectors: int) -> int:
    """The most rows of a tile of this width whose sums stay in registers, with a vector of B for each column."""
    budget = target.registers - (1 if target.has_fma else 3)
    return max(1, min(_MOST_ROWS, budget // vectors - 1))


def row_tiles(m: int, rows: int) -> list[tuple[int, int]]:
    """Cuts m rows into tiles of at most `rows`, as even as can be: `[(tiles, height), ...]`, the higher ones first."""
    tiles = -(-m // rows)
    height, extra = divmod(m, tiles)
    return [(count, rows) for count, rows in ((extra, height + 1), (tiles - extra, height)) if count and rows]


def _full_tile(target: Target) -> tuple[int, int]:
    if target.registers >= 32:
        return (12, 2) if target.vector_bytes >= 32 else (8, 3)
    return (6, 2) if target.has_fma else (4, 2)


def _height(m: int, rows: int, tallest: int) -> int:
    """A height that divides m, near `rows`; otherwise bands as even as can be, or whole ones where there are many."""
    many = m >= 4 * rows
    lowest = rows - rows // 6 if many else (2 * rows + 2) // 3
    for height in range(max(rows, tallest), lowest - 1, -1):
        if m % height == 0:
            return height
    if m > MANY_BANDS * rows:
        return rows
    return row_tiles(m, max(rows, tallest) if many else rows)[0][1]


def _even_part(whole: int, longest: int) -> int:
    parts = max(1, -(-whole // longest))
    return max(1, -(-whole // parts))


def _pack_a(
    target: Target, size: int, width: int, sizes: tuple[int | None, int | None, int | None], transposed: bool
) -> str:
    m, n, k = sizes
    lasting = target.caches[1] // 2
    small = m is not None and k is not None and m * k * size <= lasting
    if small or (n is not None and n < _WORTH_PACKING * width):
        return "none"
    if m is None or k is None:
        return "none"
    return "panels" if transposed else "rows"


def _pack_b(
    target: Target,
    dtype: str,
    tile: tuple[int, int],
    sizes: tuple[int | None, int | None, int | None],
    transposed: bool,
) -> str:
    if transposed:
        return "transposed"
    (m, n, k), (rows, vectors) = sizes, tile
    lanes, size = target.lanes(dtype), dtypes.size(dtype)
    direct = "none" if target.has_masks or (n is not None and n % lanes == 0) else "edge"
    level1, level2, _ = target.caches
    # A tile of a single cache line jumps from line to line of B, which the prefetcher of the processor does not follow.
    lasting = level2 // 2 if vectors * lanes * size > CACHE_LINE else 2 * level1
    small = n is not None and k is not None and n * k * size <= lasting
    few = m is None or m < _WORTH_PACKING * rows
    return direct if small or few else "panels"
