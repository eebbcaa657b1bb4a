"""What primitives refuse, and how they say it: primitive, argument, expected, received."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from lamina.base.dims import Dim
from lamina.base.errors import ArgumentError, DTypeError, IndexRangeError, LaminaError, ShapeError
from lamina.graph import Spec
from lamina.primitives import REGISTRY

BATCH = Dim("batch")


def spec(dtype: str, *shape: Any) -> Spec:
    return Spec(shape, dtype)


def floats(*shape: Any) -> Spec:
    return Spec(shape, "float32")


LINE = {"strides": (1,), "padding": ((0, 0),), "dilations": (1,), "groups": 1}
CASES = [
    ("exp", [spec("int32", 3)], {}, DTypeError, "exp: x must be a float. Received: int32(3,). Cast it first."),
    ("add", [spec("bool", 3)] * 2, {}, DTypeError, "add: x must be a number (an integer or a float, not bool)."),
    ("add", [floats(3), floats(4)], {}, ShapeError,
     "add: x and y must have one shape. Received: float32(3,), float32(4,). Broadcast them first."),
    ("add", [floats(BATCH), floats(4)], {}, ShapeError, "Received: float32(batch,), float32(4,)."),
    ("add", [floats(3), spec("float64", 3)], {}, DTypeError, "add: x and y must have one dtype."),
    ("add", [floats(3)], {}, ArgumentError, "add: expected 2 operand(s). Received: 1."),
    ("divide", [spec("int32", 3)] * 2, {}, DTypeError, "divide: x must be a float."),
    ("logical_and", [spec("int32", 3)] * 2, {}, DTypeError, "logical_and: x must be bool. Received: int32(3,)."),
    ("bit_and", [spec("bool", 3)] * 2, {}, DTypeError, "bit_and: x must be an integer. Received: bool(3,)."),
    ("select", [floats(3)] * 3, {}, DTypeError, "select: condition must be bool."),
    ("select", [spec("bool", 2), floats(3), floats(3)], {}, ShapeError, "select: condition and x and y must have one"),
    ("cast", [floats(3)], {"dtype": "complex64"}, DTypeError, "cast: dtype must be one of bool, int8"),
    ("bitcast", [floats(3)], {"dtype": "int64"}, DTypeError, "bitcast: dtype must be a number type of as many bytes"),
    ("reshape", [floats(3, 4)], {"shape": (5,)}, ShapeError,
     "reshape: shape must have as many elements as x. Received: x float32(3, 4), shape (5,)."),
    ("reshape", [floats(BATCH, 4)], {"shape": (8,)}, ShapeError, "Received: x float32(batch, 4), shape (8,)."),
    ("reshape", [floats(4)], {"shape": (-1,)}, ShapeError, "reshape: shape must be a tuple of non-negative ints."),
    ("transpose", [floats(3, 4)], {"axes": (0, 0)}, ShapeError, "transpose: axes must be a permutation of 0 to rank"),
    ("broadcast", [floats(3)], {"shape": (3, 4)}, ShapeError, "broadcast: the last dimensions of shape must equal"),
    ("broadcast", [floats(3)], {"shape": ()}, ShapeError, "Received: x float32(3,), shape ()."),
    ("slice", [floats(3)], {"start": (0,), "stop": (4,), "step": (1,)}, ShapeError,
     "slice: 0 <= start <= stop <= size must hold. Received: start 0, stop 4 for axis 0 of size 3."),
    ("slice", [floats(BATCH)], {"start": (0,), "stop": (4,), "step": (1,)}, ShapeError,
     "of size batch. Give the unknown dimension a fixed size."),
    ("slice", [floats(3)], {"start": (0,), "stop": (3,), "step": (-1,)}, ShapeError, "slice: step must be at least 1."),
    ("slice", [floats(3)], {"start": (), "stop": (), "step": ()}, ShapeError, "with an entry for each axis of x"),
    ("pad", [floats(3)], {"low": (-1,), "high": (0,), "value": 0}, ShapeError, "pad: low must be a tuple with a non-"),
    ("pad", [floats(3)], {"low": (1,), "high": (0,), "value": None}, ArgumentError, "pad: value must be a Python"),
    ("concatenate", [], {"axis": 0}, ArgumentError, "concatenate: at least one operand is needed."),
    ("concatenate", [floats(3), floats(3, 1)], {"axis": 0}, ShapeError,
     "concatenate: xs[0] and xs[1] must have one shape but for axis 0. Received: float32(3,), float32(3, 1)."),
    ("concatenate", [floats(3), spec("int32", 3)], {"axis": 0}, DTypeError, "concatenate: xs[0] and xs[1] must have"),
    ("reverse", [floats(3)], {"axes": (1,)}, ShapeError, "reverse: axis must be an int from 0 to rank - 1"),
    ("reduce_sum", [spec("bool", 3)], {"axes": (0,)}, DTypeError, "reduce_sum: x must be a number"),
    ("reduce_sum", [floats(3)], {"axes": (-1,)}, ShapeError, "and the rank is 1. Received: -1."),
    ("reduce_sum", [floats(3, 3)], {"axes": (1, 0)}, ShapeError, "reduce_sum: axes must be a sorted tuple"),
    ("reduce_max", [floats(0, 3)], {"axes": (0,)}, ShapeError,
     "reduce_max: the axes to reduce must not have size 0. Received: x of (0, 3)."),
    ("argmax", [floats(0)], {"axis": 0}, ShapeError, "argmax: the axes to reduce must not have size 0."),
    ("reduce_any", [floats(3)], {"axes": (0,)}, DTypeError, "reduce_any: x must be bool."),
    ("contract", [floats(3, 4), floats(5, 2)], {"labels": ("mk", "kn", "mn")}, ShapeError,
     "contract: a and b must agree in the size of 'k', for labels mk,kn->mn. Received: float32(3, 4), float32(5, 2)."),
    ("contract", [floats(3, 4), floats(4)], {"labels": ("mk", "kn", "mn")}, ShapeError, "the labels of b, 'kn', must"),
    ("contract", [floats(3, 3), floats(3)], {"labels": ("mm", "m", "m")}, ArgumentError, "of an operand differently"),
    ("contract", [floats(3, 4), floats(4)], {"labels": ("mk", "k", "")}, ArgumentError, "must be in the result."),
    ("contract", [floats(3), floats(3)], {"labels": "m,m->m"}, ArgumentError, "contract: labels must be three strings"),
    ("take", [floats(3), floats(2)], {"axis": 0}, DTypeError, "take: indices must be an integer."),
    ("take", [floats(3), spec("int64", 2)], {"axis": 1}, ShapeError, "take: axis must be an int from 0 to rank - 1"),
    ("take_along_axis", [floats(3, 4), spec("int64", 2, 1)], {"axis": 1}, ShapeError,
     "indices must have the shape of x but for axis 1. Received: x float32(3, 4), indices int64(2, 1)."),
    ("one_hot", [spec("int64", 2)], {"depth": -1, "dtype": "float32"}, ShapeError, "one_hot: depth must be a non-neg"),
    ("scatter_add", [floats(3, 2), spec("int64", 4), floats(4, 3)], {"axis": 0}, ShapeError,
     "scatter_add: updates must have the shape of x with axis 0 replaced by the shape of indices."),
    ("first_places", [floats(3)], {"size": 3}, DTypeError, "first_places: indices must be an integer."),
    ("first_uses", [spec("int64", 3)], {"size": -1}, ShapeError, "first_uses: size must be a tuple of non-negative"),
    ("sum_at_first", [floats(3, 2), spec("int64", 2)], {"spare": 0}, ShapeError,
     "sum_at_first: first must be the int64 that first_places gives for the rows of updates. Received: int64(2,)."),
    ("sum_at_first", [floats(3, 2), spec("int64", 3)], {"spare": 2}, ArgumentError, "spare must be 0 or 1. Received"),
    ("replace_rows", [floats(3, 2), spec("int32", 4), spec("int64", 4), floats(4, 3)], {}, ShapeError,
     "replace_rows: x must have 2 axes, and rows the shape of indices with the last axis of x. Received: x float32"),
    ("cumulative_sum", [floats(3)], {"axis": 3, "reverse": False, "exclusive": False}, ShapeError,
     "cumulative_sum: axis must be an int from 0 to rank - 1, and the rank is 1. Received: 3."),
    ("windows", [floats(5)], {"axes": (0,), "sizes": (3,), "strides": (1,), "dilations": (3,)}, ShapeError,
     "windows: a window of 3 taps, 3 apart, spans 7 elements and must fit in the axis. Received: an axis of 5."),
    ("windows", [floats(BATCH)], {"axes": (0,), "sizes": (3,), "strides": (2,), "dilations": (1,)}, ShapeError,
     "of unknown size batch is known only for stride 1. Received: stride 2. Give that axis of the input a fixed size."),
    ("windows", [floats(5)], {"axes": (0,), "sizes": (0,), "strides": (1,), "dilations": (1,)}, ArgumentError,
     "windows: sizes must be a tuple of 1 ints that are at least 1, one for each axis in axes. Received: (0,)."),
    ("windows", [floats(5)], {"axes": (1,), "sizes": (1,), "strides": (1,), "dilations": (1,)}, ShapeError,
     "windows: axis must be an int from 0 to rank - 1"),
    ("dilate", [floats(5)], {"factors": (1, 1)}, ArgumentError, "dilate: factors must be a tuple of 1 ints"),
    ("dilate", [floats(BATCH)], {"factors": (2,)}, ShapeError,
     "dilate: an axis of unknown size that may be 0 cannot be dilated."),
    ("convolution", [floats(2, 5, 3), floats(3, 2, 4)], LINE, ShapeError,
     "convolution: x must have groups times as many channels as the last axis but one of the kernel"),
    ("convolution", [floats(2, 5, 2), spec("float64", 3, 2, 4)], LINE, DTypeError, "x and kernel must have one dtype."),
    ("convolution", [spec("bool", 2, 5, 2), spec("bool", 3, 2, 4)], LINE, DTypeError, "convolution: x must be a"),
    ("convolution", [floats(2, 5), floats(3, 4)], LINE, ShapeError, "with from 1 to 8 spatial axes. Received: x of"),
    ("convolution", [floats(2, 5, 2), floats(0, 2, 4)], LINE, ShapeError, "no size of the kernel may be 0. Received"),
    ("convolution", [floats(2, 2, 2), floats(3, 2, 4)], LINE, ShapeError, "convolution: a window of 3 taps"),
    ("convolution", [floats(2, 5, 2), floats(3, 2, 4)], LINE | {"padding": ((0, -1),)}, ArgumentError,
     "convolution: padding must be a tuple of 1 pairs (low, high) of ints that are not negative"),
    ("convolution", [floats(2, 5, 2), floats(3, 2, 4)], LINE | {"strides": (1, 1)}, ArgumentError, "strides must be a"),
    ("convolution", [floats(2, 5, 2), floats(3, 2, 4)], LINE | {"groups": 0}, ArgumentError, "groups must be a tuple"),
    ("convolution_input_gradient", [floats(2, 4, 4), floats(3, 2, 4)], LINE | {"shape": (2, 5, 2)}, ShapeError,
     "g must have the shape of the convolution's result, (2, 3, 4). Received: float32(2, 4, 4)."),
    ("convolution_kernel_gradient", [floats(2, 5, 2), floats(2, 4, 4)], LINE | {"shape": (3, 2, 4)}, ShapeError,
     "g must have the shape of the convolution's result, (2, 3, 4). Received: float32(2, 4, 4)."),
    ("window_max", [floats(5, 5)], {"sizes": (2,), "strides": (2,), "padding": ((0, 0),)}, ShapeError,
     "window_max: x must be (rows, *spatial, channels) with at least one spatial axis."),
    ("window_sum", [floats(5, 5, 1)], {"sizes": (6,), "strides": (2,), "padding": ((0, 0),)}, ShapeError,
     "window_sum: a window of 6 taps, 1 apart, spans 6 elements and must fit in the axis. Received: an axis of 5."),
    ("iota", [], {"shape": (3,), "dtype": "bool", "axis": 0}, DTypeError, "iota: dtype must be a number"),
    ("dimension", [], {"dim": -2}, ShapeError, "dimension: dim must be a dimension. Received: -2."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "operands", "attrs", "error", "text"), CASES)
def test_error_says_what_is_wrong(
    name: str, operands: list[Spec], attrs: dict[str, Any], error: type[LaminaError], text: str
) -> None:
    with pytest.raises(error, match=re.escape(text)) as caught:
        REGISTRY[name].infer(*operands, **attrs)
    assert str(caught.value).startswith(f"{name}: ")
    assert "Received: " in str(caught.value)


@pytest.mark.parametrize("name", ["take", "take_along_axis", "scatter_add", "scatter_add_along_axis"])
@pytest.mark.parametrize("wrong", [-1, 4, 100])
def test_an_index_outside_is_an_error(name: str, wrong: int) -> None:
    indices = np.array([0, wrong, 7])
    operands = [np.zeros(4), indices, np.zeros(3)][: 3 if name.startswith("scatter") else 2]
    text = f"{name}: indices must be at least 0 and below 4, for axis 0 of size 4. Received: {wrong}."
    with pytest.raises(IndexRangeError, match=re.escape(text)):
        REGISTRY[name].numpy(*operands, axis=0)


def test_any_index_into_nothing_is_an_error() -> None:
    with pytest.raises(IndexRangeError, match=r"take: .*axis 0 of size 0\. Received: 0\."):
        REGISTRY["take"].numpy(np.zeros((0, 2)), np.array([0]), axis=0)
