"""Philox against its published vectors, and the lowering of bits and permutations against the reference."""

from __future__ import annotations

import numpy as np
import pytest

from lamina.base.dims import Dim
from lamina.base.errors import DTypeError, ShapeError
from lamina.graph import Graph, Spec, constant, input_node, interpret
from lamina.primitives import RANDOM_BITS, RANDOM_PERMUTATION, random_bits, random_permutation
from lamina.primitives.random import philox
from tests.primitives.scalars import Builder, Reader, Scalar

ONES = 0xFFFFFFFF


def words(text: str) -> list[int]:
    return [int(word, 16) for word in text.split()]


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ("0 0 0 0", "0 0", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
)
def test_philox_gives_the_published_vectors(counter: str, key: str, expected: str) -> None:
    assert [int(word) for word in philox(words(counter), words(key))] == words(expected)


def test_element_is_the_first_word_of_its_place() -> None:
    key = np.array([5, 9], np.uint32)
    bits = RANDOM_BITS.numpy(key, shape=(3, 4))
    assert bits.dtype == np.uint32
    for place in range(12):
        assert bits.ravel()[place] == philox([place, 0, 0, 0], [5, 9])[0]


def test_a_prefix_does_not_depend_on_the_length() -> None:
    key = np.array([1, 2], np.uint32)
    np.testing.assert_array_equal(RANDOM_BITS.numpy(key, shape=(5,)), RANDOM_BITS.numpy(key, shape=(50,))[:5])


def test_places_beyond_32_bits_use_the_second_word() -> None:
    place = Scalar(np.array([2**32 + 3]), "int64")
    key = Reader(np.array([ONES, 4], np.uint32))
    found = RANDOM_BITS.lower(Builder(), (place,), key, shape=(2**33,))
    assert found.dtype == "uint32"
    assert int(found.value[0]) == int(philox([3, 1, 0, 0], [ONES, 4])[0])


def test_seeds_and_streams_differ() -> None:
    drawn = [RANDOM_BITS.numpy(np.array(key, np.uint32), shape=(64,)) for key in ([0, 0], [1, 0], [0, 1])]
    assert len({d.tobytes() for d in drawn}) == 3


def test_bits_are_even() -> None:
    bits = RANDOM_BITS.numpy(np.array([3, 0], np.uint32), shape=(20_000,))
    share = np.unpackbits(bits.view(np.uint8)).mean()
    assert abs(share - 0.5) < 0.003  # five deviations of 640,000 bits
    assert np.abs(np.corrcoef(bits[:-1], bits[1:])[0, 1]) < 0.03


def test_permutation_holds_every_number_and_sorts_the_bits() -> None:
    key = np.array([3, 1], np.uint32)
    order = RANDOM_PERMUTATION.numpy(key, length=1000)
    np.testing.assert_array_equal(np.sort(order), np.arange(1000))
    combined = (RANDOM_BITS.numpy(key, shape=(1000,)).astype(np.uint64) << np.uint64(32)) | np.arange(1000, dtype="u8")
    np.testing.assert_array_equal(order, np.sort(combined) & np.uint64(ONES))


def test_symbolic_length() -> None:
    rows = input_node((Dim("rows"),), "float32")
    key = constant(np.array([1, 2], np.uint32))
    graph = Graph((rows,), (random_permutation(key, Dim("rows")), random_bits(key, (Dim("rows"), 2))))
    order, bits = interpret(graph, [np.zeros(7, np.float32)])
    assert sorted(order) == list(range(7))
    assert bits.shape == (7, 2)


@pytest.mark.parametrize("primitive", [RANDOM_BITS, RANDOM_PERMUTATION])
def test_key_is_two_words(primitive) -> None:
    attrs = {"shape": (3,)} if primitive is RANDOM_BITS else {"length": 3}
    with pytest.raises(DTypeError, match=rf"{primitive.name}: key must be uint32\(2,\).*Received: int64\(2,\)"):
        primitive.infer(Spec((2,), "int64"), **attrs)
    with pytest.raises(ShapeError, match=r"Received: uint32\(3,\)"):
        primitive.infer(Spec((3,), "uint32"), **attrs)
