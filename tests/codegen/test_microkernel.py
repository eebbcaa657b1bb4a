"""Microkernels, packing routines and blockings, run on every instruction set that this machine has."""

from __future__ import annotations

import ctypes
import functools
import re

import numpy as np
import pytest

from lamina.base.errors import ArgumentError, CompileError
from lamina.codegen.microkernel import micro_kernel
from lamina.codegen.packing import pack_rows, pack_transposed
from lamina.schedule.blocking import blocking, row_tiles, tile_shape
from lamina.schedule.target import Target, host_target, host_targets, neon_target, wasm_target

binding = pytest.importorskip("llvmlite.binding")
POINTER, INT = ctypes.c_void_p, ctypes.c_int64
TARGETS = [pytest.param(target, id=target.name) for target in host_targets()]
KERNEL = [POINTER, INT, INT, POINTER, INT, INT, POINTER, INT, ctypes.c_bool]
PACK = [POINTER, INT, INT, INT, POINTER]


@functools.cache
def _initialized() -> None:
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()


def _machine(target: Target):
    _initialized()
    found = binding.Target.from_triple(target.triple)
    return found.create_target_machine(cpu=target.cpu, features=target.features, opt=1)


class Compiled:
    """Native functions of some routines; each keeps the machine code alive."""

    def __init__(self, routines, target: Target):
        machine = _machine(target)
        module = binding.parse_assembly("\n".join(dict(routines).values()))
        module.verify()
        self.engine = binding.create_mcjit_compiler(module, machine)
        self.engine.finalize_object()

    def __call__(self, name: str, arguments: list):
        function = ctypes.CFUNCTYPE(None, *arguments)(self.engine.get_function_address(name))
        function.owner = self
        return function


def _random(shape, dtype: str, rng) -> np.ndarray:
    if dtype.startswith("int"):
        return rng.integers(-50, 50, shape).astype(dtype)
    return rng.standard_normal(shape).astype(dtype)


def _heights(target: Target) -> list[int]:
    tallest = tile_shape(target, "float32", None, None)[0]
    return sorted({1, 2, 3, 5, tallest - 1, tallest})


def _run(call, a, b, c, k, accumulate, columns=None):
    """Calls a microkernel on views of larger arrays, so that strides differ from sizes."""
    strides = [s // a.itemsize for s in a.strides]
    extra = [] if columns is None else [columns]
    call(a.ctypes.data, strides[0], strides[1], b.ctypes.data, b.strides[0] // b.itemsize, k,
         c.ctypes.data, c.strides[0] // c.itemsize, accumulate, *extra)  # fmt: skip


@pytest.mark.parametrize("mode", ["adjacent", "strided"])
@pytest.mark.parametrize("target", TARGETS)
def test_every_height_computes_the_tile_and_touches_nothing_else(target, mode):
    rng, vectors = np.random.default_rng(1), 2
    width = vectors * target.lanes("float32")
    kernels = {h: micro_kernel(target, "float32", h, vectors, mode, linkage="") for h in _heights(target)}
    compiled = Compiled(kernels.values(), target)
    for height, kernel in kernels.items():
        call = compiled(kernel.name, KERNEL)
        for k in (0, 1, 2, 7, 33):
            whole = _random((k + 1, height) if mode == "adjacent" else (height, k + 5), "float32", rng)
            a = whole.T[:, :k] if mode == "adjacent" else whole[:, :k]
            b = _random((k + 1, width + 3), "float32", rng)
            before = _random((height + 1, width + 5), "float32", rng)
            expected = a @ b[:k, :width]
            for accumulate in (False, True):
                c = before.copy()
                _run(call, a if k else whole.T if mode == "adjacent" else whole, b, c, k, accumulate)
                wanted = expected + before[:height, :width] if accumulate else expected
                np.testing.assert_allclose(c[:height, :width], wanted, rtol=1e-4, atol=1e-4)
                np.testing.assert_array_equal(c[height:], before[height:])
                np.testing.assert_array_equal(c[:, width:], before[:, width:])


@pytest.mark.parametrize("outer", [(3,), (3, 2), (0,), (2, 0)])
@pytest.mark.parametrize("target", TARGETS)
def test_k_may_be_nested_loops_and_rows_may_lie_in_blocks(target, outer):
    """Windows of a picture: rows of the tile are places in two lines of it, k runs over lines (and planes) and within."""
    rng, run, height, inner = np.random.default_rng(3), 3, 5, 7
    picture = _random((8, 8, 40), "float32", rng)
    steps = [s // 4 for s in picture.strides]
    block = (run, 2 * steps[2], steps[1])
    kernel = micro_kernel(
        target, "float32", height, 1, "blocks", levels=1 + len(outer), block=block, unroll=2, linkage=""
    )
    call = Compiled([kernel], target)(kernel.name, [*KERNEL, *[INT] * (3 * len(outer))])
    b = _random((2, 3, inner, target.lanes("float32")), "float32", rng)
    b_steps = [s // 4 for s in b.strides]
    levels = [x for n, a_step, b_step in zip(outer, (steps[1], steps[0]), (b_steps[1], b_steps[0]), strict=False)
              for x in (n, a_step, b_step)]  # fmt: skip
    lines, planes = (*outer, 1)[:2]
    wanted = np.zeros((height, b.shape[-1]), "float32")
    for row in range(height):
        y, x = row // run, row % run
        for z in range(planes):
            for line in range(lines):
                wanted[row] += picture[z, y + line, 2 * x : 2 * x + inner] @ b[z, line]
    for accumulate in (False, True):
        c = np.ones_like(wanted)
        call(picture.ctypes.data, 0, 1, b.ctypes.data, b_steps[2], inner, c.ctypes.data, c.shape[1], accumulate, *levels)
        np.testing.assert_allclose(c, wanted + accumulate, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("target", [p for p in TARGETS if p.values[0].has_masks])
def test_masked_tiles_read_and_write_only_their_columns(target):
    rng, height, k = np.random.default_rng(2), 3, 9
    lanes = target.lanes("float32")
    for vectors in (1, 2):
        kernel = micro_kernel(target, "float32", height, vectors, masked=True, linkage="")
        call = Compiled([kernel], target)(kernel.name, [*KERNEL, INT])
        for columns in range((vectors - 1) * lanes + 1, vectors * lanes + 1):
            a, b = _random((height, k), "float32", rng), _random((k, columns), "float32", rng)
            for accumulate in (False, True):
                c = np.full((height, vectors * lanes), 3, "float32")
                _run(call, a, b, c, k, accumulate, columns)
                np.testing.assert_allclose(c[:, :columns], a @ b + 3 * accumulate, rtol=1e-4, atol=1e-4)
                assert (c[:, columns:] == 3).all()


@pytest.mark.parametrize("dtype", ["float64", "int32", "int64"])
@pytest.mark.parametrize("target", TARGETS)
def test_other_dtypes(target, dtype):
    rng, height, vectors, k = np.random.default_rng(3), 3, 2, 11
    width = vectors * target.lanes(dtype)
    kernel = micro_kernel(target, dtype, height, vectors, unroll=4, linkage="")
    call = Compiled([kernel], target)(kernel.name, KERNEL)
    a, b, c = _random((height, k), dtype, rng), _random((k, width), dtype, rng), np.zeros((height, width), dtype)
    _run(call, a, b, c, k, False)
    np.testing.assert_allclose(c, a @ b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("target", TARGETS)
def test_packing_fills_panels_and_pads_with_zeros(target, dtype):
    rng, lanes = np.random.default_rng(4), target.lanes(dtype)
    for width in sorted({lanes, 2 * lanes, 12}):
        plain = pack_rows(target, dtype, width, linkage="")
        turned = pack_transposed(target, dtype, width, linkage="") if width % lanes == 0 else None
        compiled = Compiled([r for r in (plain, turned) if r], target)
        for k in (0, 1, lanes, 2 * lanes + 3):
            for columns in {c for c in (1, lanes - 1, lanes, width - 1, width) if 0 < c <= width}:
                source = _random((k, columns), dtype, rng)
                expected = np.zeros((k + 1, width), dtype)
                expected[:k, :columns], expected[k] = source, 9
                for routine, stored in ((plain, source), (turned, np.ascontiguousarray(source.T))):
                    if routine is None:
                        continue
                    panel = np.full((k + 1, width), 9, dtype)
                    stride = stored.strides[0] // stored.itemsize
                    compiled(routine.name, PACK)(stored.ctypes.data, stride, k, columns, panel.ctypes.data)
                    np.testing.assert_array_equal(panel, expected)


def test_kernels_for_other_machines_become_their_instructions():
    for target, instruction in ((neon_target(), "fmla"), (wasm_target(), "f32x4.mul")):
        rows, vectors = tile_shape(target, "float32", None, None)
        module = binding.parse_assembly(micro_kernel(target, "float32", rows, vectors, linkage="").text)
        module.triple = target.triple
        assert instruction in _machine(target).emit_assembly(module)


def test_wide_vectors_are_not_split_or_spilled():
    target = host_targets()[0]
    if target.name != "avx512":
        pytest.skip("this machine has no AVX-512")
    module = binding.parse_assembly(micro_kernel(target, "float32", 12, 2, linkage="").text)
    text = _machine(target).emit_assembly(module)
    assert text.count("vfmadd") == 24
    assert not re.search(r"%zmm\d+, -?\d*\(%rsp", text)


def test_bad_requests_are_refused():
    target = wasm_target()
    with pytest.raises(CompileError, match="masked"):
        micro_kernel(target, "float32", 4, 2, masked=True)
    with pytest.raises(CompileError, match="a_mode"):
        micro_kernel(target, "float32", 4, 2, "diagonal")
    with pytest.raises(CompileError, match="float16"):
        micro_kernel(target, "float16", 4, 2)


def test_target_can_be_chosen(monkeypatch):
    monkeypatch.setenv("LAMINA_TARGET", "scalar")
    assert host_target().lanes("float32") == 1
    monkeypatch.setenv("LAMINA_TARGET", "abacus")
    with pytest.raises(ArgumentError, match="abacus"):
        host_target()


def test_row_tiles_cover_all_rows_evenly():
    for m in range(1, 60):
        tiles = row_tiles(m, 12)
        assert sum(count * height for count, height in tiles) == m
        assert max(h for _, h in tiles) <= 12
        assert max(h for _, h in tiles) - min(h for _, h in tiles) <= 1


@pytest.mark.parametrize("target", [*TARGETS, neon_target(), wasm_target()])
def test_tiles_fit_the_registers_and_blocks_the_caches(target):
    for dtype in ("float32", "float64"):
        for m in (None, 1, 2, 3, 8, 32, 127, 784, 2048):
            for n in (None, 1, 10, 64, 129, 2048):
                for k in (None, 1, 32, 784, 2048):
                    found = blocking(target, dtype, m, n, k)
                    assert found.rows >= 1 and found.vectors >= 1
                    assert found.rows * found.vectors + found.vectors + 1 <= target.registers
                    assert found.kc >= 1 and found.mc % found.rows == 0
                    assert found.nc % (found.vectors * target.lanes(dtype)) == 0


def test_small_products_are_read_in_place():
    target = host_target()
    if not target.has_masks:
        pytest.skip("this machine has no masked loads")
    for m, n, k in ((32, 64, 784), (784, 64, 32), (32, 10, 64)):
        found = blocking(target, "float32", m, n, k)
        assert (found.pack_a, found.pack_b) == ("none", "none")
    large = blocking(target, "float32", 2048, 2048, 2048, a_transposed=True, b_transposed=True)
    assert (large.pack_a, large.pack_b) == ("panels", "transposed")
