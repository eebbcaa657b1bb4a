"""Images of another size: against the sampling formula, and against numbers that Keras 3 (on JAX) gave."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from lamina import GradientTape, ops
from lamina.base.config import config
from lamina.base.errors import ArgumentError, ShapeError

LINE = np.array([0.0, 1.0, 4.0, -2.0, 3.0], "float32").reshape(1, 5, 1)
BYTES = np.array([[0, 255, 7], [200, 3, 250]], "uint8")[..., None]

# (method, antialias): LINE made 3 and 8 wide.
KERAS: dict[tuple[str, bool], tuple[list[float], list[float]]] = {
    ("bicubic", False): (
        [0.172413, 4.0, 1.413792],
        [-0.071956, 0.243749, 1.149048, 3.660034, 2.42041, -1.910645, 0.723941, 3.359778],
    ),
    ("bicubic", True): (
        [0.507692, 1.967442, 0.830769],
        [-0.071956, 0.243749, 1.149048, 3.660034, 2.42041, -1.910645, 0.723941, 3.359778],
    ),
    ("lanczos3", False): (
        [-0.016132, 4.0, 1.178745],
        [-0.008546, -0.003685, 1.261918, 4.124615, 2.251921, -1.939853, 0.497393, 3.698066],
    ),
    ("lanczos3", True): (
        [0.659917, 1.858308, 0.762607],
        [-0.008546, -0.003685, 1.261918, 4.124615, 2.251921, -1.939853, 0.497393, 3.698066],
    ),
    ("lanczos5", True): (
        [0.788161, 1.810918, 0.721473],
        [0.199927, -0.335295, 1.341902, 4.402403, 2.085979, -1.947579, 0.378689, 3.90071],
    ),
}


@pytest.mark.parametrize(("method", "antialias"), KERAS)
def test_cubic_and_lanczos_are_those_of_keras(method: str, antialias: bool, agrees: Any) -> None:
    for width, expected in zip((3, 8), KERAS[method, antialias]):

        def resize(x: Any, width: int = width) -> Any:
            return ops.image.resize(x, (1, width), interpolation=method, antialias=antialias)

        agrees(resize, [LINE], np.reshape(expected, (1, width, 1)), dtype="float32", atol=2e-6)
        agrees(lambda x: resize(x[None])[0], [LINE], np.reshape(expected, (1, width, 1)), atol=2e-6)


def linear(x: np.ndarray, axis: int, length: int, antialias: bool = False) -> np.ndarray:
    """Bilinear interpolation along an axis, one output at a time."""
    x = np.moveaxis(x.astype("float64"), axis, 0)
    size = len(x)
    rows = []
    for place in range(length):
        centre = (place + 0.5) * size / length - 0.5
        reach = max(size / length, 1.0) if antialias else 1.0
        shares = [max(0.0, 1 - abs(centre - i) / reach) for i in range(size)]
        rows.append(sum(share * row for share, row in zip(shares, x)) / sum(shares))
    return np.moveaxis(np.array(rows), 0, axis)


@pytest.mark.parametrize("target", [(3, 3), (8, 10), (14, 2), (1, 1), (4, 5), (4, 20)])
@pytest.mark.parametrize("antialias", [False, True])
def test_bilinear_is_its_formula(target: tuple[int, int], antialias: bool, agrees: Any, rng: Any) -> None:
    x = rng.standard_normal((2, 4, 5, 3)).astype("float32")
    expected = linear(linear(x, 1, target[0], antialias), 2, target[1], antialias)

    def resize(t: Any) -> Any:
        return ops.image.resize(t, target, antialias=antialias)

    agrees(resize, [x], expected, dtype="float32", open_batch=True)
    agrees(lambda t: ops.image.resize(t, target, antialias=antialias, data_format="channels_first"),
           [x.transpose(0, 3, 1, 2)], expected.transpose(0, 3, 1, 2))  # fmt: skip


@pytest.mark.parametrize("target", [(3, 3), (8, 10), (2, 1), (7, 9), (4, 5), (12, 2)])
def test_nearest_copies_pixels(target: tuple[int, int], agrees: Any) -> None:
    x = np.arange(40, dtype="int32").reshape(4, 5, 2)
    rows, columns = ([math.floor((i + 0.5) * n / m) for i in range(m)] for n, m in zip((4, 5), target))
    agrees(lambda t: ops.image.resize(t, target, interpolation="nearest"), [x], x[rows][:, columns], dtype="int32")


def test_integers_are_rounded_and_cut_to_their_range() -> None:
    result = ops.image.resize(BYTES, (3, 4), interpolation="bicubic")
    assert result.dtype == "uint8"
    assert result.numpy().ravel().tolist() == [0, 185, 187, 0, 98, 118, 131, 128, 225, 51, 75, 255]
    assert ops.image.resize(BYTES, (1, 2)).numpy().ravel().tolist() == [107, 129]


@pytest.mark.parametrize("dtype", ["float16", "float64", "int32", "uint8"])
@pytest.mark.parametrize("method", ["nearest", "bilinear", "bicubic"])
def test_the_dtype_stays(dtype: str, method: str) -> None:
    x = (np.arange(24).reshape(4, 6, 1) * 3).astype(dtype)
    result = ops.image.resize(x, (3, 4), interpolation=method)
    assert result.dtype == dtype
    wide = ops.image.resize(x.astype("float64"), (3, 4), interpolation=method)
    np.testing.assert_allclose(result.numpy(), wide.numpy(), atol=0.5 if "int" in dtype else 0.05)


def test_proportions_are_kept_by_cutting_or_framing() -> None:
    x = np.arange(24, dtype="float32").reshape(4, 6, 1)
    cut = ops.image.resize(x, (3, 3), crop_to_aspect_ratio=True)
    np.testing.assert_allclose(cut.numpy(), linear(linear(x[:, 1:5], 0, 3), 1, 3), rtol=1e-6)
    framed = ops.image.resize(x, (3, 3), pad_to_aspect_ratio=True, fill_value=-1.0)
    expected = [-0.25, 0.75, 1.75, 9.5, 11.5, 13.5, 8.75, 9.75, 10.75]  # from Keras
    np.testing.assert_allclose(framed.numpy().ravel(), expected, rtol=1e-6)
    tall = ops.image.resize(BYTES, (4, 2), interpolation="nearest", pad_to_aspect_ratio=True, fill_value=9.6)
    assert tall.numpy()[..., 0].tolist() == [[10, 10], [0, 7], [200, 250], [10, 10]]


@pytest.mark.parametrize("method", ["nearest", "bilinear", "bicubic", "lanczos3"])
@pytest.mark.parametrize("target", [(6, 10), (2, 3), (1, 5)])
def test_the_gradient_is_the_transposed_map(method: str, target: tuple[int, int], rng: Any) -> None:
    x = ops.convert_to_tensor(rng.standard_normal((1, 3, 5, 2)).astype("float32"))
    weights = rng.standard_normal((1, *target, 2)).astype("float32")
    other = rng.standard_normal((1, 3, 5, 2)).astype("float32")
    with GradientTape() as tape:
        tape.watch(x)
        total = ops.sum(ops.image.resize(x, target, interpolation=method) * weights)
    gradient = tape.gradient(total, x)
    moved = ops.sum(ops.image.resize(other, target, interpolation=method) * weights)
    np.testing.assert_allclose(np.sum(gradient.numpy() * other), moved.numpy(), rtol=2e-5, atol=1e-4)


def test_the_layout_of_the_settings() -> None:
    config.image_data_format = "channels_first"
    assert ops.image.resize(np.zeros((2, 3, 4, 5), "float32"), (6, 7)).shape == (2, 3, 6, 7)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": (3,)}, r"size must be two whole numbers.*Received: \(3,\)"),
        ({"size": (0, 4)}, "size must be two whole numbers"),
        ({"size": (3, 4), "interpolation": "area"}, "interpolation must be one of 'nearest'.*Received: 'area'"),
        ({"size": (3, 4), "fill_mode": "wrap"}, "fill_mode must be one of 'constant'"),
        ({"size": (3, 4), "data_format": "NHWC"}, "data_format must be one of"),
        ({"size": (3, 4), "crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, "exclude one another"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=f"resize: .*{message}|resize: {message}"):
        ops.image.resize(np.zeros((4, 4, 1), "float32"), **arguments)


def test_wrong_images() -> None:
    with pytest.raises(ShapeError, match=r"rank 3 \(one image\) or 4.*shape \(4, 4\)"):
        ops.image.resize(np.zeros((4, 4), "float32"), (2, 2))
    with pytest.raises(ShapeError, match="must be known and at least 1"):
        ops.image.resize(np.zeros((0, 4, 1), "float32"), (2, 2))


def test_pad_images(agrees: Any, rng: Any) -> None:
    x = rng.standard_normal((2, 3, 4, 1)).astype("float32")
    expected = np.pad(x, ((0, 0), (1, 2), (3, 0), (0, 0)))
    agrees(lambda t: ops.image.pad_images(t, 1, 3, 2, 0), [x], expected, open_batch=True)
    agrees(lambda t: ops.image.pad_images(t, 1, target_height=6, right_padding=0, target_width=7), [x], expected)
    agrees(lambda t: ops.image.pad_images(t, 1, 3, 2, 0, data_format="channels_first"),
           [x.transpose(0, 3, 1, 2)], expected.transpose(0, 3, 1, 2))  # fmt: skip
    with pytest.raises(ArgumentError, match="exactly two of top_padding, bottom_padding, target_height.*top_padding=1"):
        ops.image.pad_images(x, 1, 3, 2, 0, target_height=6)
    with pytest.raises(ArgumentError, match="bottom_padding would be -1"):
        ops.image.pad_images(x, 1, 3, target_height=3, right_padding=0)
    with pytest.raises(ArgumentError, match="whole numbers of at least 0.*left_padding=-3"):
        ops.image.pad_images(x, 1, -3, 2, 0)


def test_crop_images(agrees: Any, rng: Any) -> None:
    x = rng.standard_normal((2, 6, 7, 1)).astype("float32")
    agrees(lambda t: ops.image.crop_images(t, 1, 3, 2, 0), [x], x[:, 1:4, 3:], open_batch=True)
    agrees(lambda t: ops.image.crop_images(t, target_height=3, bottom_cropping=2, left_cropping=3, target_width=4),
           [x], x[:, 1:4, 3:])  # fmt: skip
    with pytest.raises(ArgumentError, match="exactly two of left_cropping, right_cropping, target_width"):
        ops.image.crop_images(x, 1, 3, 2)
    for wrong in ({"bottom_cropping": 6}, {"target_height": 6}):
        with pytest.raises(ArgumentError, match="would be -1"):
            ops.image.crop_images(x, 1, 0, right_cropping=0, **wrong)


def test_rgb_to_grayscale(agrees: Any, rng: Any) -> None:
    x = rng.standard_normal((2, 3, 4, 3)).astype("float32")
    expected = (x.astype("float64") @ [0.2989, 0.5870, 0.1140])[..., None]
    agrees(ops.image.rgb_to_grayscale, [x], expected, dtype="float32", open_batch=True)
    agrees(lambda t: ops.image.rgb_to_grayscale(t, "channels_first"),
           [x.transpose(0, 3, 1, 2)], expected.transpose(0, 3, 1, 2))  # fmt: skip
    agrees(ops.image.rgb_to_grayscale, [np.array([[[10, 20, 31]]], "uint8")], [[[18]]], dtype="uint8")
    assert ops.image.rgb_to_grayscale(x[..., :1]).shape == (2, 3, 4, 1)
    with pytest.raises(ShapeError, match=r"3 channels, or 1.*shape \(2, 3, 4, 2\)"):
        ops.image.rgb_to_grayscale(x[..., :2])
