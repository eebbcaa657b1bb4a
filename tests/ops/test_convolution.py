"""Convolutions with the arguments of Keras; golden numbers are from Keras 3 on TensorFlow and on PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import ops
from lamina.base.config import config
from lamina.base.dims import Dim
from lamina.base.errors import ArgumentError, ShapeError
from lamina.compiler import compile_graph
from lamina.primitives.convolution_reference import convolve
from lamina.tensor import GradientTape, Tensor, Trace


def floats(rng, *shape):
    return rng.normal(size=shape).astype(np.float32)


def whole(*shape):
    """-3, -2, ..., 3, -3, ... in row-major order."""
    return ((np.arange(np.prod(shape)) % 7) - 3).reshape(shape).astype(np.float32)


def reference(x, kernel, strides, padding, dilations=(1, 1), groups=1):
    return convolve(x, kernel, strides, padding, dilations, groups)


def test_valid_and_same_of_even_and_odd_sizes(agrees, rng):
    x, kernel = floats(rng, 2, 7, 8, 3), floats(rng, 3, 2, 3, 4)
    agrees(ops.conv, [x, kernel], reference(x, kernel, (1, 1), ((0, 0), (0, 0))), open_batch=False)
    same = reference(x, kernel, (1, 1), ((1, 1), (0, 1)))
    agrees(lambda a, b: ops.conv(a, b, padding="same"), [x, kernel], same)
    strided = reference(x, kernel, (2, 3), ((1, 1), (0, 0)))
    agrees(lambda a, b: ops.conv(a, b, (2, 3), "SAME"), [x, kernel], strided)
    spread = reference(x, kernel, (1, 1), ((2, 2), (1, 2)), (2, 3))
    agrees(lambda a, b: ops.conv(a, b, padding="same", dilation_rate=(2, 3)), [x, kernel], spread)


def test_same_puts_the_odd_zero_after(agrees):
    x = np.arange(1, 7, dtype=np.float32).reshape(1, 6, 1)
    kernel = np.array([100, 10, 1], np.float32).reshape(3, 1, 1)
    agrees(lambda a, b: ops.conv(a, b, 2, "same"), [x, kernel], np.reshape([123, 345, 560], (1, 3, 1)))


def test_causal_and_explicit_padding(agrees):
    x = np.arange(1, 6, dtype=np.float32).reshape(1, 5, 1)
    kernel = np.array([10, 1], np.float32).reshape(2, 1, 1)
    causal = np.reshape([1, 2, 13, 24, 35], (1, 5, 1))
    agrees(lambda a, b: ops.conv(a, b, padding="causal", dilation_rate=2), [x, kernel], causal)
    agrees(lambda a, b: ops.conv(a, b, padding=[(2, 0)], dilation_rate=2), [x, kernel], causal)
    agrees(lambda a, b: ops.conv(a, b, 2, "causal"), [x, kernel], np.reshape([1, 23, 45], (1, 3, 1)))


def test_groups_are_inferred_from_the_kernel(agrees, rng):
    x, kernel = floats(rng, 2, 5, 6), floats(rng, 2, 3, 4)
    halves = [ops.conv(x[..., k : k + 3], kernel[..., k // 3 * 2 :][..., :2]).numpy() for k in (0, 3)]
    agrees(ops.conv, [x, kernel], np.concatenate(halves, -1))


def test_channels_first(agrees, rng):
    x, kernel = floats(rng, 2, 5, 6, 3), floats(rng, 2, 2, 3, 4)
    expected = ops.conv(x, kernel, 2, "same").numpy().transpose(0, 3, 1, 2)
    first = x.transpose(0, 3, 1, 2)
    agrees(lambda a, b: ops.conv(a, b, 2, "same", "channels_first"), [first, kernel], expected)
    config.image_data_format = "channels_first"
    agrees(lambda a, b: ops.conv(a, b, 2, "same"), [first, kernel], expected)


def test_one_and_three_axes_of_space(agrees, rng):
    x, kernel = floats(rng, 2, 4, 5, 6, 2), floats(rng, 2, 3, 2, 2, 3)
    expected = convolve(x, kernel, (1, 2, 2), ((0, 1), (1, 1), (0, 0)), (1, 1, 1), 1)
    agrees(lambda a, b: ops.conv(a, b, (1, 2, 2), "same"), [x, kernel], expected)
    line, taps = floats(rng, 2, 9, 2), floats(rng, 4, 2, 3)
    agrees(lambda a, b: ops.conv(a, b, 3), [line, taps], convolve(line, taps, (3,), ((0, 0),), (1,), 1))


def test_depthwise(agrees, rng):
    x, kernel = floats(rng, 2, 6, 5, 3), floats(rng, 3, 2, 3, 2)
    each = [ops.conv(x[..., c : c + 1], kernel[:, :, c : c + 1], 2, "same").numpy() for c in range(3)]
    agrees(lambda a, b: ops.depthwise_conv(a, b, 2, "same"), [x, kernel], np.concatenate(each, -1))


def test_separable(agrees, rng):
    x, first, second = floats(rng, 2, 6, 3), floats(rng, 3, 3, 2), floats(rng, 1, 6, 4)
    expected = ops.conv(ops.depthwise_conv(x, first, 2, "same"), second).numpy()
    agrees(lambda a, b, c: ops.separable_conv(a, b, c, 2, "same"), [x, first, second], expected)


# Keras 3 on both backends: ops.conv_transpose(whole(1, 3, 2), whole(size, 1, 2), ...) without the axes of one.
TRANSPOSED = [
    ((3, 2, "valid", None, 1), [13, 3, -4, 1, -8, -1, 5]),
    ((3, 2, "same", None, 1), [13, 3, -4, 1, -8, -1]),
    ((2, 3, "valid", None, 1), [13, 3, 0, 3, 1, 0, -7, -1, 0]),
    ((4, 2, "same", None, 1), [3, -4, -2, -8, -4, 5]),
    ((4, 2, "same", 1, 1), [3, -4, -2, -8, -4]),
    ((3, 2, "valid", 1, 1), [13, 3, -4, 1, -8, -1, 5, 0]),
    ((3, 1, "same", None, 2), [-4, 1, -8]),
]


def test_transposed_sizes():
    for (size, stride, padding, extra, dilation), _ in TRANSPOSED:
        span = (size - 1) * dilation + 1
        least = span if padding == "valid" else span % 2
        default = 2 * stride + max(span, stride) if padding == "valid" else 3 * stride
        wanted = default if extra is None else 2 * stride + least + extra
        found = ops.conv_transpose(whole(1, 3, 2), whole(size, 1, 2), stride, padding, extra, None, dilation)
        assert found.shape == (1, wanted, 1)


@pytest.mark.parametrize(("arguments", "expected"), TRANSPOSED)
def test_transposed(arguments, expected, agrees):
    size, stride, padding, extra, dilation = arguments
    agrees(
        lambda a, b: ops.conv_transpose(a, b, stride, padding, extra, dilation_rate=dilation),
        [whole(1, 3, 2), whole(size, 1, 2)], np.reshape(expected, (1, -1, 1)),
    )  # fmt: skip


def test_transposed_beyond_the_reach_of_all_windows_is_zero(agrees):
    x, kernel = np.ones((1, 2, 1), np.float32), np.ones((2, 1, 1), np.float32)
    agrees(lambda a, b: ops.conv_transpose(a, b, 2, "valid", 5), [x, kernel],
           np.reshape([1, 1, 1, 1, 0, 0, 0, 0, 0], (1, 9, 1)))  # fmt: skip


def test_transposed_is_the_gradient_of_conv(rng):
    x, kernel = floats(rng, 2, 8, 9, 3), floats(rng, 3, 2, 3, 4)
    for padding in ("valid", "same"):
        inputs = Tensor(x)
        with GradientTape() as tape:
            tape.watch(inputs)
            result = ops.conv(inputs, kernel, (2, 3), padding)
        g = floats(rng, *result.shape)
        found = ops.conv_transpose(g, kernel, (2, 3), padding).numpy()
        expected = tape.gradient(result, inputs, g).numpy()
        np.testing.assert_allclose(found[:, :8, :9], expected[:, : found.shape[1]], rtol=1e-4, atol=1e-5)


FUNCTIONS = {
    "conv": lambda x, k: ops.conv(x, k, 2, "same"),
    "dilated": lambda x, k: ops.conv(x, k, padding="same", dilation_rate=2),
    "grouped": lambda x, k: ops.conv(x, k[:, :, :2], (2, 1)),
    "depthwise": lambda x, k: ops.depthwise_conv(x, k[..., :2], 2, "same"),
    "transposed": lambda x, k: ops.conv_transpose(x, k, 2, "same"),
    "first": lambda x, k: ops.conv(ops.transpose(x, (0, 3, 1, 2)), k, 1, "valid", "channels_first"),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_compiled_with_an_open_batch_and_its_gradients(name, rng):
    kernel = floats(rng, 3, 3, 4, 4)

    def run(x, k):
        with GradientTape() as tape:
            tape.watch(x)
            tape.watch(k)
            result = FUNCTIONS[name](x, k)
            total = ops.sum(ops.sin(result))
        return [result, *tape.gradient(total, [x, k])]

    trace = Trace()
    with trace.stage("program"):
        inputs = trace.input((Dim("batch"), 7, 6, 4), "float32"), trace.input(kernel.shape, "float32")
        program = compile_graph(trace.finish(run(*inputs)), interpret=False)
    for rows in (1, 5):
        x = floats(rng, rows, 7, 6, 4)
        for found, expected in zip(program([x, kernel]), run(Tensor(x), Tensor(kernel)), strict=True):
            np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=1e-4)


def test_an_empty_batch(executor):
    assert ops.conv(np.zeros((0, 5, 5, 2), np.float32), np.ones((3, 3, 2, 4), np.float32)).shape == (0, 3, 3, 4)


def test_integers_are_computed_as_floats():
    assert ops.conv(np.ones((1, 3, 1), np.uint8), np.ones((2, 1, 1), np.uint8)).dtype == "float32"
    half = ops.conv(np.ones((1, 3, 1), np.float16), np.ones((2, 1, 1), np.float16))
    assert half.dtype == "float16"


X, K = np.ones((2, 5, 4), np.float32), np.ones((3, 4, 6), np.float32)
WRONG = [
    (lambda: ops.conv(X[0], K), ShapeError, "conv: inputs must have an axis of rows"),
    (lambda: ops.conv(X, K[0]), ShapeError, "conv: the kernel must have two axes of channels"),
    (lambda: ops.conv(X, K[:, :3]), ShapeError, "Received: inputs with 4 channel(s), a kernel of shape (3, 3, 6)."),
    (lambda: ops.conv(X, K[:, :2, :5]), ShapeError, "whose number must then divide the kernel's last axis"),
    (lambda: ops.conv(X, K, 0), ArgumentError, "conv: strides must be a whole number of at least 1"),
    (lambda: ops.conv(X, K, (1, 1)), ArgumentError, "for each of the 1 axes of space. Received: (1, 1)."),
    (lambda: ops.conv(X, K, padding="full"), ArgumentError, "conv: padding must be 'valid', 'same', 'causal'"),
    (lambda: ops.conv(X, K, dilation_rate=3), ShapeError, "conv: a window must fit into the inputs. Received: 5"),
    (lambda: ops.conv(X, K, data_format="NHWC"), ArgumentError, "conv: data_format must be 'channels_last' or"),
    (lambda: ops.conv(X[:, None], K[None], padding="causal"), ArgumentError, "'causal' (with one axis of space)"),
    (lambda: ops.depthwise_conv(X, K[:, :3]), ShapeError, "depthwise_conv: the kernel's last axis but one must be"),
    (lambda: ops.separable_conv(X, K, K[:1]), ShapeError, "begins with (1, 24) here. Received: (1, 4, 6)."),
    (lambda: ops.conv_transpose(X, K), ShapeError, "conv_transpose: the kernel's last axis must be the number of"),
    (lambda: ops.conv_transpose(X, K[..., :4], padding="causal"), ArgumentError, "must be 'valid' or 'same'"),
    (lambda: ops.conv_transpose(X, K[..., :4], output_padding=-1), ArgumentError, "output_padding must be a whole"),
]


@pytest.mark.parametrize(("call", "error", "text"), WRONG)
def test_errors_say_what_is_wrong(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)
    assert "Received: " in str(caught.value)


def test_unknown_sizes_of_space():
    size = Dim("size")
    trace = Trace()
    with trace.stage("program"):
        x = trace.input((Dim("batch"), size, 2), "float32")
        assert ops.conv(x, np.ones((3, 2, 4), np.float32), padding="same").dims == (Dim("batch"), size, 4)
        mean = ops.average_pool(x, 3, 1, "same")
        assert mean.dims == x.dims
        program = compile_graph(trace.finish([mean]), interpret=False)
        with pytest.raises(ShapeError, match="conv: an axis of unknown size size takes a stride of 1 only"):
            ops.conv(x, np.ones((3, 2, 4), np.float32), 2, "same")
    values = whole(2, 5, 2)
    np.testing.assert_allclose(program([values])[0], ops.average_pool(values, 3, 1, "same").numpy(), rtol=1e-6)
