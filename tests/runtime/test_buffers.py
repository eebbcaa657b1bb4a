"""Memory of programs: aligned, plain NumPy, poisoned on request."""

from __future__ import annotations

import numpy as np
import pytest

from lamina.base.config import config
from lamina.runtime.buffers import Arena, empty_aligned, is_aligned, poison, zeros_aligned


@pytest.mark.parametrize("shape", [(), (1,), (0, 3), (3, 5, 7), (1 << 20,)])
@pytest.mark.parametrize("dtype", ["float32", "int64", "bool", "float16", "bfloat16"])
def test_empty_is_an_aligned_array_of_the_shape(shape: tuple[int, ...], dtype: str) -> None:
    array = empty_aligned(shape, dtype)
    assert array.shape == shape
    assert array.dtype.name == dtype
    assert is_aligned(array)
    assert array.flags.c_contiguous
    array[...] = 1
    assert (array == 1).all()


def test_zeros() -> None:
    array = zeros_aligned((4, 9), "float64")
    assert is_aligned(array)
    assert not array.any()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_poisoned_floats_are_nan(dtype: str) -> None:
    config.poison = True
    assert np.isnan(empty_aligned((5, 3), dtype).astype("float64")).all()


def test_poisoned_integers_and_bools_are_valid_and_unlikely() -> None:
    config.poison = True
    assert (empty_aligned((4,), "int32") == -1).all()
    assert (empty_aligned((4,), "bool").view("uint8") == 1).all()


def test_poison_of_a_part_leaves_the_rest() -> None:
    array = zeros_aligned((4, 8), "float32")
    poison(array[1])
    np.testing.assert_array_equal(np.isnan(array).any(axis=1), [False, True, False, False])


def test_arena_gives_views_at_offsets() -> None:
    arena = Arena()
    address = arena.reserve(1024)
    assert address % 64 == 0
    first, second = arena.view(0, (4, 4), "float32"), arena.view(64, (2,), "int64")
    first[...], second[...] = 3.0, -1
    assert second.ctypes.data == address + 64
    assert (arena.view(0, (16,), "float32") == 3).all()
    assert arena.view(128, (0, 2), "bool").shape == (0, 2)


def test_arena_grows_and_does_not_shrink() -> None:
    arena = Arena()
    arena.reserve(100)
    before = arena.reserve(1000)
    assert arena.reserve(10) == before
    assert arena.size == 1000


def test_arena_is_poisoned_when_it_grows() -> None:
    config.poison = True
    arena = Arena()
    arena.reserve(256)
    assert np.isnan(arena.view(0, (64,), "float32")).all()
