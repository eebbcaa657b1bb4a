"""Matrix-multiply microkernels as LLVM text: one tile of C, held in registers, over all of k.

A microkernel computes `C[rows, columns] (+)= A[rows, K] @ B[K, columns]`, where `columns` is a whole number of
vectors. The elements of A are broadcast, the rows of B are loaded as vectors, every element of the tile stays in
a register until the end: the outer-product formulation of Goto and van de Geijn (2008), in the shape of BLIS
(Van Zee and van de Geijn 2015). The loops around it, and what is packed, are the scheduler's: see `blocking`.
"""

from __future__ import annotations

from lamina.base.errors import CompileError
from lamina.codegen.kernel_text import KernelText, Routine
from lamina.schedule.target import CACHE_LINE, Target

A_MODES = ("adjacent", "strided", "blocks")


def micro_kernel(
    target: Target,
    dtype: str,
    rows: int,
    vectors: int,
    a_mode: str = "strided",
    masked: bool = False,
    *,
    levels: int = 1,
    block: tuple[int, int, int] = (0, 0, 0),
    ahead: bool = False,
    unroll: int = 1,
    prefetch_c: bool = True,
    linkage: str = "internal",
) -> Routine:
    """Returns the microkernel of one tile shape.

    Its signature, with all strides in elements and `columns` only where `masked`:

        void name(ptr A, i64 a_row_stride, i64 a_k_stride, ptr B, i64 b_k_stride, i64 K,
                  ptr C, i64 c_row_stride, i1 accumulate [, ptr D, i64 d_row_stride] [, i64 columns]
                  [, i64 K1, i64 a_k1_stride, i64 b_k1_stride, ...])

    Args:
        target: the machine.
        dtype: of A, B and C: float32, float64, int32 or int64. Narrower types are cast while packing.
        rows: height of the tile.
        vectors: width of the tile in vectors of `target.lanes(dtype)` elements.
        a_mode: `"adjacent"` where the rows of A are next to each other (a packed panel, or a transposed matrix read
            in place; `a_row_stride` is not read), `"strided"` where they are `a_row_stride` apart, `"pointers"` where A
            is an array of `rows` pointers to the rows, each of which is then read with `a_k_stride`.
        masked: whether the tile's last vector is partial: `columns` counts the valid columns of the whole
            tile. Neither B nor C is touched beyond them.
        levels: how many nested loops k is; the arguments of those around the innermost come last, inner ones first.
        block: of mode `"blocks"`: rows of the tile that lie a first stride apart, that stride, and the stride from one
            such run of rows to the next; in elements.
        unroll: steps of k in the inner loop.
        ahead: whether there are `D` and its stride: memory that is written next, and fetched instead of C's.
        prefetch_c: whether C's lines are fetched while the sum is formed.
        linkage: LLVM linkage of the function.

    C may be a scratch tile. K = 0 gives zeros. Nothing is written before everything but C has been read.
    """
    if a_mode not in A_MODES:
        raise CompileError(f"a_mode must be one of {A_MODES}. Received: {a_mode!r}.")
    if masked and not target.has_masks:
        raise CompileError(f"target {target.name} has no masked loads: pack B into zero-padded panels.")
    kernel = _Kernel(target, dtype, (rows, vectors), a_mode, masked, levels, block, ahead)
    return kernel.emit(unroll, prefetch_c, linkage)


class _Kernel:
    """One microkernel while it is written."""

    def __init__(
        self,
        target: Target,
        dtype: str,
        shape: tuple[int, int],
        a_mode: str,
        masked: bool,
        levels: int,
        block: tuple[int, int, int],
        ahead: bool,
    ):
        self.body = KernelText(target, dtype)
        self.rows, self.vectors = rows, vectors = shape
        self.a_mode, self.masked, self.levels, self.block, self.ahead = a_mode, masked, levels, block, ahead
        place = "_".join(map(str, (a_mode, *block))) if a_mode == "blocks" else a_mode
        more = f"{'_masked' if masked else ''}{f'_{levels}' if levels > 1 else ''}{'_ahead' if ahead else ''}"
        self.name = f"matmul_{target.name}_{dtype}_{rows}x{vectors}_{place}{more}"
        self.mask: str | None = None
        self.row_multiples: dict[int, str] = {}

    def emit(self, unroll: int, prefetch: bool, linkage: str) -> Routine:
        body = self.body
        more = ", ptr %d, i64 %d_row" if self.ahead else ""
        more += ", i64 %columns" if self.masked else ""
        for level in range(1, self.levels):
            more += f", i64 %count{level}, i64 %a_k{level}, i64 %b_k{level}"
        head = (
            f"define {linkage} void @{self.name}(ptr %a, i64 %a_row, i64 %a_k, ptr %b, i64 %b_k, i64 %count, "
            f"ptr %c, i64 %c_row, i1 %accumulate{more}) noinline {body.target.attributes} {{"
        )
        self._entry(prefetch)
        zero = "zeroinitializer" if body.lanes > 1 else ("0.0" if body.is_float else "0")
        tile = [zero] * (self.rows * self.vectors)
        tile, _ = self._level(self.levels - 1, ["%a", "%b", *tile], "entry", unroll)
        self._finish(tile)
        return Routine(self.name, "\n".join([head, *body.lines, "}", ""]))

    def _level(self, level: int, state: list[str], block: str, unroll: int) -> tuple[list[str], str]:
        """The loops of k up to `level`, from a state of A, B and the tile. Returns the tile and block after them."""
        if level == 0:
            state = [*state[:2], "%count", *state[2:]]
            if unroll > 1:
                state, block = self._loop("wide", unroll, state, block)
            state, block = self._loop("single", 1, state, block)
            return state[3:], block
        body, label = self.body, f"level{level}"
        a, b, count, *tile = [body.name() for _ in range(len(state) + 1)]
        next_a, next_b, next_count = body.name(), body.name(), body.name()
        some = body.value(f"icmp sge i64 %count{level}, 1")
        body.line(f"br i1 {some}, label %{label}, label %{label}_after")
        body.label(label)
        start = len(body.lines)
        after, last = self._level(level - 1, [a, b, *tile], label, unroll)
        body.line(f"{next_a} = getelementptr i8, ptr {a}, i64 %a_k{level}_bytes")
        body.line(f"{next_b} = getelementptr i8, ptr {b}, i64 %b_k{level}_bytes")
        body.line(f"{next_count} = add i64 {count}, -1")
        again = body.value(f"icmp sgt i64 {next_count}, 0")
        body.line(f"br i1 {again}, label %{label}, label %{label}_after")
        types = ["ptr", "ptr", "i64", *[body.vector] * len(tile)]
        first = [*state[:2], f"%count{level}", *state[2:]]
        phis = zip((a, b, count, *tile), types, first, (next_a, next_b, next_count, *after), strict=True)
        body.lines[start:start] = [
            f"  {name} = phi {kind} [ {early}, %{block} ], [ {late}, %{last} ]" for name, kind, early, late in phis
        ]
        body.label(f"{label}_after")
        merged = [
            body.value(f"phi {body.vector} [ {early}, %{block} ], [ {late}, %{last} ]")
            for early, late in zip(state[2:], after, strict=True)
        ]
        return merged, f"{label}_after"

    def _entry(self, prefetch: bool) -> None:
        body = self.body
        body.label("entry")
        shift = body.size.bit_length() - 1
        outer = [f"{name}_k{level}" for level in range(1, self.levels) for name in ("a", "b")]
        for stride in ("a_k", "b_k", "c_row", *(["d_row"] if self.ahead else []), *outer):
            body.line(f"%{stride}_bytes = shl i64 %{stride}, {shift}")
        if self.a_mode == "strided":
            body.line(f"%a_row_bytes = shl i64 %a_row, {shift}")
            self._row_offsets()
        if self.masked:
            self.mask = body.lane_mask("%columns", (self.vectors - 1) * body.lanes)
        if prefetch:
            self._prefetch()

    def _row_offsets(self) -> None:
        """The row offsets from which an address `base + offset * (1, 2, 4 or 8)` reaches every row.

        They are frozen to hide their relation from LLVM, which would walk from row to row by a chain of additions.
        """
        for row in range(1, self.rows):
            odd, shift = _odd_part(row)
            if shift == 0:
                multiple = self.body.value(f"mul i64 %a_row_bytes, {odd}")
                self.row_multiples[row] = self.body.value(f"freeze i64 {multiple}")

    def _prefetch(self) -> None:
        body = self.body
        lines = range(0, self.vectors * body.lanes * body.size, CACHE_LINE)
        row, stride = ("%d", "%d_row_bytes") if self.ahead else ("%c", "%c_row_bytes")
        for index in range(self.rows):
            row = body.address(row, stride) if index else row
            for offset in lines:
                body.line(f"call void @llvm.prefetch.p0(ptr {body.address(row, offset)}, i32 1, i32 3, i32 1)")

    def _loop(self, label: str, steps: int, state: list[str], block: str) -> tuple[list[str], str]:
        """`while count >= steps`: one iteration does `steps` steps of k. Returns the state and block after it."""
        body = self.body
        types = ["ptr", "ptr", "i64", *[body.vector] * (len(state) - 3)]
        enter = body.value(f"icmp uge i64 {state[2]}, {steps}")
        body.line(f"br i1 {enter}, label %{label}, label %{label}_after")
        start = len(body.lines)
        before = [body.name() for _ in state]
        after = before
        body.label(label)
        for _ in range(steps):
            after = self._step(after)
        again = body.value(f"icmp uge i64 {after[2]}, {steps}")
        body.line(f"br i1 {again}, label %{label}, label %{label}_after")
        phis = [
            f"  {name} = phi {kind} [ {first}, %{block} ], [ {last}, %{label} ]"
            for name, kind, first, last in zip(before, types, state, after, strict=True)
        ]
        body.lines[start + 1 : start + 1] = phis
        body.label(f"{label}_after")
        merged = [
            body.value(f"phi {kind} [ {first}, %{block} ], [ {last}, %{label} ]")
            for kind, first, last in zip(types, state, after, strict=True)
        ]
        return merged, f"{label}_after"

    def _step(self, state: list[str]) -> list[str]:
        """One step of k: the rows of A times the vectors of B."""
        body, (a, b, count, *tile) = self.body, state
        width = body.lanes * body.size
        columns = [
            body.load(body.address(b, j * width), self.mask if j == self.vectors - 1 else None)
            for j in range(self.vectors)
        ]
        for row in range(self.rows):
            value = body.broadcast(self._a_address(a, row))
            for j in range(self.vectors):
                at = row * self.vectors + j
                tile[at] = body.multiply_add(value, columns[j], tile[at])
        following = body.address(a, "%a_k_bytes"), body.address(b, "%b_k_bytes")
        return [*following, body.value(f"add i64 {count}, -1"), *tile]

    def _a_address(self, a: str, row: int) -> str:
        body = self.body
        if self.a_mode == "adjacent":
            return body.address(a, row * body.size)
        if self.a_mode == "blocks":
            run, near, far = self.block
            return body.address(a, (row % run * near + row // run * far) * body.size)
        if row == 0:
            return a
        odd, shift = _odd_part(row)
        offset = self.row_multiples[odd]
        return body.address(a, body.value(f"shl i64 {offset}, {shift}") if shift else offset)

    def _finish(self, tile: list[str]) -> None:
        body = self.body
        body.line("br i1 %accumulate, label %adding, label %storing")
        body.label("adding")
        self._write(tile, add=True)
        body.line("ret void")
        body.label("storing")
        self._write(tile, add=False)
        body.line("ret void")

    def _write(self, tile: list[str], add: bool) -> None:
        body, row = self.body, "%c"
        width = body.lanes * body.size
        for index in range(self.rows):
            row = body.address(row, "%c_row_bytes") if index else row
            for j in range(self.vectors):
                mask = self.mask if j == self.vectors - 1 else None
                pointer, value = body.address(row, j * width), tile[index * self.vectors + j]
                body.store(body.add(body.load(pointer, mask), value) if add else value, pointer, mask)


def _odd_part(row: int) -> tuple[int, int]:
    """`row` as `odd << shift`, with a shift that an address can hold."""
    shift = min(3, (row & -row).bit_length() - 1)
    odd = row >> shift
    return (odd, shift) if odd % 2 else (row, 0)
