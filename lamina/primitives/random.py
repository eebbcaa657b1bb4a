"""Primitives that make random numbers, each from a key and its own place alone.

Philox4x32-10 is the counter-based generator of J. K. Salmon, M. A. Moraes, R. O. Dror and D. E. Shaw, "Parallel random
numbers: as easy as 1, 2, 3" (SC 2011). A key is two uint32: a seed, and the number of a stream.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from lamina.base.dims import Dimension, Shape
from lamina.base.errors import DTypeError, ShapeError
from lamina.graph import Node, Primitive, Sample, Spec, apply
from lamina.primitives.declare import Typed, check_shape, describe, is_dimension
from lamina.primitives.shapes import linear_index

_ROUNDS = 10
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
_LOW_BITS = 0xFFFFFFFF
_PIECE = 1 << 15


def _check_key(primitive: str, key: Typed) -> None:
    if key.dtype != "uint32":
        raise DTypeError(f"{primitive}: key must be uint32(2,), a seed and a stream. Received: {describe(key)}.")
    if tuple(key.shape) != (2,):
        raise ShapeError(f"{primitive}: key must be uint32(2,), a seed and a stream. Received: {describe(key)}.")


# --- random_bits -----------------------------------------------------------------------------------------------------


def philox(counter: Sequence[Any], key: Sequence[Any]) -> list[Any]:
    """Ten rounds of Philox4x32 on four words and two key words, all uint64 arrays that hold 32-bit numbers."""
    c0, c1, c2, c3 = (np.asarray(word, np.uint64) for word in counter)
    keys = np.asarray(key, np.uint64)
    steps = np.array(_KEY_STEPS, np.uint64)
    low_bits = np.uint64(_LOW_BITS)
    for _ in range(_ROUNDS):
        p0, p1 = c0 * np.uint64(_MULTIPLIERS[0]), c2 * np.uint64(_MULTIPLIERS[1])
        c0, c1, c2, c3 = (p1 >> 32) ^ c1 ^ keys[0], p1 & low_bits, (p0 >> 32) ^ c3 ^ keys[1], p0 & low_bits
        keys = (keys + steps) & low_bits
    return [c0, c1, c2, c3]


def _random_bits_infer(key: Typed, *, shape: Shape) -> Spec:
    _check_key("random_bits", key)
    return Spec(check_shape("random_bits", "shape", shape), "uint32")


def _random_bits_numpy(key: Any, shape: Sequence[int]) -> Any:
    count = int(np.prod(shape, dtype=np.int64))
    result = np.empty(count, np.uint32)
    zero = np.zeros((), np.uint64)
    # Pieces that stay in a cache through all ten rounds.
    for start in range(0, count, _PIECE):
        place = np.arange(start, min(start + _PIECE, count), dtype=np.uint64)
        words = philox((place & _LOW_BITS, place >> 32, zero, zero), (key[0], key[1]))
        result[start : start + _PIECE] = words[0]
    return result.reshape(shape)


def _random_bits_lower(b: Any, index: Sequence[Any], key: Any, shape: Shape) -> Any:
    """The same rounds on 64-bit scalars, of which only the low halves count: a product then is one instruction."""
    low_bits, half = b.const(_LOW_BITS, "uint64"), b.const(32, "uint64")

    def product(word: Any, multiplier: int) -> tuple[Any, Any]:
        wide = b.mul(b.bit_and(word, low_bits), b.const(multiplier, "uint64"))
        return b.shift_right(wide, half), wide

    place = b.cast(linear_index(b, index, shape), "uint64")
    c0, c1 = place, b.shift_right(place, half)
    c2 = c3 = b.const(0, "uint64")
    k0, k1 = (key((b.const(word, "int64"),)) for word in (0, 1))
    for _ in range(_ROUNDS):
        (high0, low0), (high1, low1) = product(c0, _MULTIPLIERS[0]), product(c2, _MULTIPLIERS[1])
        c0, c1 = b.bit_xor(b.bit_xor(high1, c1), b.cast(k0, "uint64")), low1
        c2, c3 = b.bit_xor(b.bit_xor(high0, c3), b.cast(k1, "uint64")), low0
        k0, k1 = (b.add(k, b.const(step, "uint32")) for k, step in zip((k0, k1), _KEY_STEPS))
    return b.cast(c0, "uint32")


def _random_bits_samples() -> Iterator[Sample]:
    for shape in [(5,), (2, 3), (), (0,), (1, 1), (3, 5, 2)]:
        yield Sample((np.array([7, 0], np.uint32),), {"shape": shape}, False)
    yield Sample((np.array([_LOW_BITS, _LOW_BITS], np.uint32),), {"shape": (9,)}, False)
    yield Sample((np.array([1, 9, 2, 9], np.uint32)[::2],), {"shape": (4,)}, False)


RANDOM_BITS = Primitive(
    "random_bits", "random", expensive=True,
    infer=_random_bits_infer,
    numpy=_random_bits_numpy,
    lower=_random_bits_lower,
    samples=_random_bits_samples,
)  # fmt: skip


def random_bits(key: Node, shape: Sequence[Dimension]) -> Node:
    """32 random bits an element, as uint32: the first word that Philox makes of the element's row-major place."""
    return apply(RANDOM_BITS, key, shape=tuple(shape))


# --- random_permutation ----------------------------------------------------------------------------------------------


def _random_permutation_infer(key: Typed, *, length: Dimension) -> Spec:
    _check_key("random_permutation", key)
    if not is_dimension(length):
        raise ShapeError(f"random_permutation: length must be a non-negative int. Received: {length!r}.")
    return Spec((length,), "int64")


def _random_permutation_samples() -> Iterator[Sample]:
    for length in (5, 0, 1, 97):
        yield Sample((np.array([7, 1], np.uint32),), {"length": length}, False)


RANDOM_PERMUTATION = Primitive(
    "random_permutation", "opaque", expensive=True,
    infer=_random_permutation_infer,
    numpy=lambda key, length: np.argsort(_random_bits_numpy(key, (length,)), kind="stable"),
    samples=_random_permutation_samples,
)  # fmt: skip


def random_permutation(key: Node, length: Dimension) -> Node:
    """0 to `length - 1` in random order, as int64: the order that sorts `random_bits`, stably."""
    return apply(RANDOM_PERMUTATION, key, length=length)
