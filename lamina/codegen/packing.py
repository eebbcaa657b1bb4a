"""Copies of matrix parts into panels that a microkernel reads from end to end, as LLVM text.

A panel of B is `K` rows of `width` elements, a panel of A read with mode `adjacent` likewise: element (k, j) is at
`k * width + j`, and columns that the matrix does not have are zeros. A panel of A for mode `strided` is its rows one
after the other and needs no routine of its own but a copy.
"""

from __future__ import annotations

from lamina.codegen.kernel_text import KernelText, Routine
from lamina.schedule.target import CACHE_LINE, Target


def pack_rows(target: Target, dtype: str, width: int, *, linkage: str = "internal") -> Routine:
    """Packs a panel whose columns are next to each other in memory: `dst[k, j] = src[k * k_stride + j]`.

    Signature (the stride in elements): `void name(ptr src, i64 k_stride, i64 K, i64 columns, ptr dst)`. Columns from
    `columns` on, up to `width`, are filled with zeros.
    """
    body = KernelText(target, dtype)
    name = f"pack_rows_{target.name}_{dtype}_{width}"
    body.label("entry")
    full = body.value(f"icmp sge i64 %columns, {width}")
    body.line(f"br i1 {full}, label %whole, label %partial")
    body.label("whole")
    body.counted_loop("copy", "%count", lambda k: _copy_row(body, k, width))
    body.line("ret void")
    body.label("partial")
    body.counted_loop("edge", "%count", lambda k: _copy_part(body, k, width))
    body.line("ret void")
    return _routine(body, name, "ptr %src, i64 %stride, i64 %count, i64 %columns, ptr %dst", linkage)


def pack_transposed(target: Target, dtype: str, width: int, *, linkage: str = "internal") -> Routine:
    """Packs a panel whose k axis is the contiguous one: `dst[k, j] = src[j * column_stride + k]`.

    Signature (the stride in elements): `void name(ptr src, i64 column_stride, i64 K, i64 columns, ptr dst)`. Columns
    from `columns` on, up to `width`, are filled with zeros. Squares of `lanes` x `lanes` elements are transposed in
    registers; what is left of them at the edges goes element by element.
    """
    body = KernelText(target, dtype)
    name = f"pack_transposed_{target.name}_{dtype}_{width}"
    lanes = body.lanes
    body.label("entry")
    present = body.value(f"call i64 @llvm.smin.i64(i64 %columns, i64 {width})")
    squares = body.value(f"and i64 {present}, {-lanes}")
    done = body.value(f"and i64 %count, {-lanes}")

    def square_columns(j: str) -> None:
        body.counted_loop("across", done, lambda k: _square(body, j, k, width), step=lanes)
        rest = body.value(f"sub i64 %count, {done}")
        body.counted_loop("tail", rest, lambda k: _short_rows(body, j, body.value(f"add i64 {k}, {done}"), width))

    body.counted_loop("square", squares, square_columns, step=lanes)
    rest = body.value(f"sub i64 {width}, {squares}")
    body.counted_loop("left", rest, lambda j: _column(body, body.value(f"add i64 {j}, {squares}"), width))
    body.line("ret void")
    return _routine(body, name, "ptr %src, i64 %stride, i64 %count, i64 %columns, ptr %dst", linkage)


def fetch_rows(target: Target, dtype: str, *, linkage: str = "internal") -> Routine:
    """Asks for rows of a matrix ahead of their use, into the level-2 cache.

    Signature (strides and sizes in elements): `void name(ptr src, i64 stride, i64 K, i64 columns)`. Rows that are not
    there do no harm.
    """
    body = KernelText(target, dtype)
    name = f"fetch_rows_{target.name}_{dtype}"
    body.label("entry")
    line = CACHE_LINE // body.size
    some = body.value("icmp sgt i64 %columns, 0")
    body.line(f"br i1 {some}, label %rows, label %none")
    body.label("rows")

    def fetch(k: str) -> None:
        source = _element(body, "%src", body.value(f"mul i64 {k}, %stride"))

        def fetch_line(j: str) -> None:
            body.line(f"call void @llvm.prefetch.p0(ptr {_element(body, source, j)}, i32 0, i32 2, i32 1)")

        body.counted_loop("line", rounded, fetch_line, step=line)

    up = body.value(f"add i64 %columns, {line - 1}")
    rounded = body.value(f"and i64 {up}, {-line}")
    body.counted_loop("row", "%count", fetch)
    body.line("br label %none")
    body.label("none")
    body.line("ret void")
    return _routine(body, name, "ptr %src, i64 %stride, i64 %count, i64 %columns", linkage)


def _routine(body: KernelText, name: str, parameters: str, linkage: str) -> Routine:
    head = f"define {linkage} void @{name}({parameters}) noinline {body.target.attributes} {{"
    return Routine(name, "\n".join([head, *body.lines, "}", ""]))


def _element(body: KernelText, pointer: str, index: str) -> str:
    return body.value(f"getelementptr {body.element}, ptr {pointer}, i64 {index}")


def _row(body: KernelText, k: str, width: int) -> tuple[str, str]:
    source = _element(body, "%src", body.value(f"mul i64 {k}, %stride"))
    return source, _element(body, "%dst", body.value(f"mul i64 {k}, {width}"))


def _copy_row(body: KernelText, k: str, width: int) -> None:
    source, target = _row(body, k, width)
    for first in range(0, width, body.lanes):
        size = min(body.lanes, width - first)
        kind = f"<{size} x {body.element}>"
        pointer = body.address(source, first * body.size)
        value = body.value(f"load {kind}, ptr {pointer}, align {body.size}")
        body.line(f"store {kind} {value}, ptr {body.address(target, first * body.size)}, align {body.size}")


def _copy_part(body: KernelText, k: str, width: int) -> None:
    """Row k of a panel that the matrix fills only up to `columns`."""
    if body.target.has_masks:
        _copy_masked(body, k, width)
    else:
        _copy_elements(body, k, width)


def _copy_masked(body: KernelText, k: str, width: int) -> None:
    source, target = _row(body, k, width)
    for first in range(0, width, body.lanes):
        value = body.load(body.address(source, first * body.size), body.lane_mask("%columns", first))
        within = [f"i1 {int(first + lane < width)}" for lane in range(body.lanes)]
        mask = f"<{', '.join(within)}>" if first + body.lanes > width else None
        body.store(value, body.address(target, first * body.size), mask)


def _copy_elements(body: KernelText, k: str, width: int) -> None:
    source, target = _row(body, k, width)
    zero = "0.0" if body.is_float else "0"

    def copy(j: str) -> None:
        value = body.value(f"load {body.element}, ptr {_element(body, source, j)}")
        body.line(f"store {body.element} {value}, ptr {_element(body, target, j)}")

    body.counted_loop("present", "%columns", copy)
    missing = body.value(f"sub i64 {width}, %columns")

    def clear(j: str) -> None:
        at = body.value(f"add i64 {j}, %columns")
        body.line(f"store {body.element} {zero}, ptr {_element(body, target, at)}")

    body.counted_loop("missing", missing, clear)


def _square(body: KernelText, j: str, k: str, width: int) -> None:
    """Transposes `lanes` columns by `lanes` steps of k."""
    start = body.value(f"mul i64 {j}, %stride")
    source = _element(body, "%src", body.value(f"add i64 {start}, {k}"))
    stride = body.value(f"mul i64 %stride, {body.size}")
    rows = []
    for index in range(body.lanes):
        source = body.address(source, stride) if index else source
        rows.append(body.load(source))
    first = body.value(f"mul i64 {k}, {width}")
    target = _element(body, "%dst", body.value(f"add i64 {first}, {j}"))
    for index, row in enumerate(transpose_square(body, rows)):
        body.store(row, body.address(target, index * width * body.size))


def transpose_square(body: KernelText, rows: list[str]) -> list[str]:
    """Transposes a square of vectors in registers.

    Within each 128-bit part of the vectors first, by interleaving, then whole parts by picking the even and the odd
    ones of two vectors: every step is one instruction of x86 and Arm alike.
    """
    lanes = body.lanes
    part = min(lanes, 16 // body.size)
    step = 1
    while step < part:
        rows = _interleave_parts(body, rows, part, step)
        step *= 2
    step = part
    while step < lanes:
        rows = _deal_parts(body, rows, part, step)
        step *= 2
    return rows


def _interleave_parts(body: KernelText, rows: list[str], part: int, step: int) -> list[str]:
    """Rows i and i + step, for runs of `step` elements: the low halves of each part interleaved, and the high."""
    result = list(rows)
    for base in range(0, len(rows), 2 * step):
        for i in range(step):
            a, b = rows[base + i], rows[base + step + i]
            # Rows come out in the order of the columns they hold, so that the next step meets its partners.
            result[base + 2 * i] = _shuffle(body, a, b, _interleaved(body.lanes, part, step, 0))
            result[base + 2 * i + 1] = _shuffle(body, a, b, _interleaved(body.lanes, part, step, part // 2))
    return result


def _interleaved(lanes: int, part: int, step: int, offset: int) -> list[int]:
    mask = []
    for start in range(0, lanes, part):
        for run in range(0, part // 2, step):
            at = start + offset + run
            mask += [*range(at, at + step), *range(lanes + at, lanes + at + step)]
    return mask


def _deal_parts(body: KernelText, rows: list[str], part: int, step: int) -> list[str]:
    """Groups of rows `step` apart: the even 128-bit parts of both, then the odd ones."""
    lanes, count = body.lanes, body.lanes // part
    even = [p * part + e for p in range(0, count, 2) for e in range(part)]
    odd = [p * part + e for p in range(1, count, 2) for e in range(part)]
    result = list(rows)
    for base in range(0, len(rows), 2 * step):
        for i in range(step):
            a, b = rows[base + i], rows[base + step + i]
            result[base + i] = _shuffle(body, a, b, even + [lanes + e for e in even])
            result[base + step + i] = _shuffle(body, a, b, odd + [lanes + e for e in odd])
    return result


def _shuffle(body: KernelText, a: str, b: str, mask: list[int]) -> str:
    numbers = ", ".join(f"i32 {m}" for m in mask)
    return body.value(f"shufflevector {body.vector} {a}, {body.vector} {b}, <{body.lanes} x i32> <{numbers}>")


def _copy_element(body: KernelText, j: str, k: str, width: int) -> None:
    start = body.value(f"mul i64 {j}, %stride")
    value = body.value(f"load {body.element}, ptr {_element(body, '%src', body.value(f'add i64 {start}, {k}'))}")
    first = body.value(f"mul i64 {k}, {width}")
    body.line(f"store {body.element} {value}, ptr {_element(body, '%dst', body.value(f'add i64 {first}, {j}'))}")


def _short_rows(body: KernelText, j: str, k: str, width: int) -> None:
    for index in range(body.lanes):
        _copy_element(body, body.value(f"add i64 {j}, {index}"), k, width)


def _column(body: KernelText, j: str, width: int) -> None:
    """Column j as far as the matrix has it, zeros otherwise."""
    zero = "0.0" if body.is_float else "0"
    inside = body.value(f"icmp slt i64 {j}, %columns")
    body.line(f"br i1 {inside}, label %inside, label %outside")
    body.label("inside")
    body.counted_loop("within", "%count", lambda k: _copy_element(body, j, k, width))
    body.line("br label %column_end")
    body.label("outside")

    def clear(k: str) -> None:
        at = body.value(f"add i64 {body.value(f'mul i64 {k}, {width}')}, {j}")
        body.line(f"store {body.element} {zero}, ptr {_element(body, '%dst', at)}")

    body.counted_loop("without", "%count", clear)
    body.line("br label %column_end")
    body.label("column_end")
