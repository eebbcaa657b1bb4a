"""Sizes per axis, layouts and ranks: what all layers over time, images and volumes check alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lamina import layers, models
from lamina.base.config import set_image_data_format
from lamina.base.errors import ArgumentError, ShapeError
from lamina.layers.spatial import choice, pairs, whole_numbers
from tests.golden.digests import fill
from tests.layers.spatial import make


def test_whole_numbers() -> None:
    assert whole_numbers("L", "n", 3, 2) == (3, 3)
    assert whole_numbers("L", "n", [1, np.int64(2)], 2) == (1, 2)
    assert whole_numbers("L", "n", 0, 1, least=0) == (0,)


@pytest.mark.parametrize("value", [0, -1, 1.5, "3", None, True, (1, 2, 3), (1, 0), (1, "a"), ()])
def test_whole_numbers_that_are_not(value: Any) -> None:
    with pytest.raises(ArgumentError, match="L: n must be a whole number of at least 1, or 2 of them. Received: "):
        whole_numbers("L", "n", value, 2)


@pytest.mark.parametrize(
    ("value", "rank", "expected"),
    [
        (1, 1, ((1, 1),)),
        ((1, 2), 1, ((1, 2),)),
        (2, 2, ((2, 2), (2, 2))),
        ((1, 2), 2, ((1, 1), (2, 2))),
        (((1, 0), [2, 3]), 2, ((1, 0), (2, 3))),
        ((1, (2, 3), 4), 3, ((1, 1), (2, 3), (4, 4))),
    ],
)
def test_pairs(value: Any, rank: int, expected: Any) -> None:
    assert pairs("L", "n", value, rank) == expected


@pytest.mark.parametrize("value", [-1, 1.5, None, (1, 2, 3), (1, -1), ((1, 2, 3), 1), "12"])
def test_pairs_that_are_not(value: Any) -> None:
    with pytest.raises(ArgumentError, match="L: n must be a whole number of at least 0, 2 of them, or 2 pairs"):
        pairs("L", "n", value, 2)


def test_choice() -> None:
    assert choice("L", "padding", "SAME", ("valid", "same")) == "same"
    with pytest.raises(ArgumentError, match="L: padding must be 'valid', 'same' or 'causal'. Received: 'full'."):
        choice("L", "padding", "full", ("valid", "same", "causal"))


LAYERS: list[tuple[str, dict[str, Any]]] = [
    ("Conv2D", {"filters": 2, "kernel_size": 1}),
    ("MaxPooling2D", {}),
    ("GlobalMaxPooling2D", {}),
    ("AdaptiveMaxPooling2D", {"output_size": 2}),
    ("ZeroPadding2D", {}),
    ("Cropping2D", {}),
    ("UpSampling2D", {}),
]


@pytest.mark.parametrize(("name", "arguments"), LAYERS, ids=[name for name, _ in LAYERS])
def test_what_all_check(name: str, arguments: dict[str, Any]) -> None:
    layer = make(name, **arguments, name="here")
    with pytest.raises(
        ShapeError,
        match=rf"{name} layer 'here': input 0 has shape \(2, 8, 8\), of rank 3; expected rank 4: \(batch, height, "
        r"width, channels\)\. One sample goes in as `x\[None\]`; "
        r"data without an axis of channels as `x\[\.\.\., None\]`",
    ):
        layer(np.zeros((2, 8, 8), "float32"))
    with pytest.raises(ShapeError, match=r"of rank 5; expected rank 4: .*Put a Reshape layer before it"):
        layer(np.zeros((2, 1, 8, 8, 3), "float32"))
    with pytest.raises(ShapeError, match=r"of rank 2; expected rank 4"):
        layer.compute_output_shape((None, 3))
    with pytest.raises(
        ArgumentError, match="data_format must be 'channels_last' or 'channels_first'. Received: 'NCHW'"
    ):
        make(name, data_format="NCHW", **arguments)


def test_layout_of_the_configuration() -> None:
    set_image_data_format("channels_first")
    layer = make("ZeroPadding2D")
    assert layer.compute_output_shape((None, 3, 4, 5)) == (None, 3, 6, 7)
    with pytest.raises(ShapeError, match=r"\(batch, channels, height, width\).*`x\[:, None\]`"):
        layer(np.zeros((4, 5, 6), "float32"))
    assert make("Cropping1D").compute_output_shape((None, 5, 4)) == (None, 3, 4)


def network(shape: tuple[int, ...]) -> models.Sequential:
    model = models.Sequential(
        [
            layers.Input(shape),
            make("ZeroPadding2D"),
            make("Conv2D", filters=4, kernel_size=3, strides=2, activation="relu"),
            make("DepthwiseConv2D", kernel_size=3, padding="same"),
            make("Conv2DTranspose", filters=3, kernel_size=3, strides=2, padding="same", activation="tanh"),
            make("MaxPooling2D"),
            make("UpSampling2D"),
            make("AveragePooling2D", pool_size=3, strides=2, padding="same"),
            make("GlobalAveragePooling2D"),
            layers.Dense(1),
        ]
    )
    model.set_weights([0.5 * fill(w.shape, 1.0 + i) for i, w in enumerate(model.weights)])
    model.compile("sgd", loss="mean_squared_error")
    return model


def test_a_network_trains_alike_in_both_layouts() -> None:
    x, y = fill((10, 8, 6, 3), 0.2), fill((10, 1), 0.7)
    last = network((8, 6, 3))
    set_image_data_format("channels_first")
    first = network((3, 8, 6))
    for model, inputs in ((last, x), (first, x.transpose(0, 3, 1, 2))):
        model.fit(inputs, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    for one, other in zip(last.get_weights(), first.get_weights(), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-5)
