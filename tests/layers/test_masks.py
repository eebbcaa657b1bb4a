"""Masks go from layer to layer as in Keras: eagerly, in models of all kinds, and compiled."""

from __future__ import annotations

import gc
import warnings
from typing import Any

import numpy as np
import pytest

from lamina import layers, models, ops
from lamina.layers import masks
from lamina.layers.masks import mask_of, set_mask
from lamina.random import set_random_seed
from lamina.tensor import Tensor

IDS = np.array([[3, 1, 0, 0], [2, 2, 2, 0]])
MASK = IDS != 0


@pytest.fixture(autouse=True)
def _one_seed() -> None:
    set_random_seed(7)


def embedded() -> Any:
    return layers.Embedding(5, 6, mask_zero=True)(IDS)


@pytest.mark.parametrize(
    "make",
    [lambda: layers.Dropout(0.5), lambda: layers.LayerNormalization(), lambda: layers.Activation("relu"),
     lambda: layers.Identity(), lambda: layers.TimeDistributed(layers.LayerNormalization())],
)  # fmt: skip
def test_layers_that_treat_each_step_alike_pass_masks_on(make: Any) -> None:
    np.testing.assert_array_equal(mask_of(make()(embedded())), MASK)


def test_merging_layers_join_masks() -> None:
    first, second = embedded(), layers.Embedding(5, 6, mask_zero=True)(IDS[:, ::-1].copy())
    np.testing.assert_array_equal(mask_of(layers.Add()([first, second])), MASK | MASK[:, ::-1])
    assert mask_of(layers.Add()([first, np.ones((2, 4, 6), "float32")])) is None
    joined = mask_of(layers.Concatenate(axis=1)([first, second]))
    np.testing.assert_array_equal(joined, np.concatenate([MASK, MASK[:, ::-1]], 1))
    np.testing.assert_array_equal(mask_of(layers.Concatenate()([first, second])), MASK | MASK[:, ::-1])
    half = layers.Concatenate(axis=1)([first, np.ones((2, 3, 6), "float32")])
    np.testing.assert_array_equal(mask_of(half), np.concatenate([MASK, np.ones((2, 3), bool)], 1))
    assert np.asarray(mask_of(layers.Concatenate()([first, np.ones((2, 4, 1), "float32")]))).all()


PAIR = np.array(
    [[[[0.1, -0.1], [0, 0], [-0.5, 0.4]], [[0, 0], [-0.7, -1.3], [-0.6, 0]]],
     [[[-2.3, -0.2], [0, 0], [0, 0]], [[0.4, 1], [-0.1, 1.4], [-0.7, 0.4]]]], "float32",
)  # fmt: skip
# What Keras 3.15 gives for both masked, and for the first alone.
MERGED = {
    "Multiply": (
        [[[-0.23, 0.02], [0, 0], [-0.5, 0.4]], [[0.4, 1], [0.07, -1.82], [0.42, 0]]],
        [[[-0.23, 0.02], [0, 0], [0, 0]], [[0.4, 1], [0.07, -1.82], [0.42, 0]]],
    ),
    "Maximum": (
        [[[0.1, -0.1], [0, 0], [-0.5, 0.4]], [[0.4, 1], [-0.1, 1.4], [-0.6, 0.4]]],
        [[[0.1, -0.1], [0, 0], [0, 0.4]], [[0.4, 1], [-0.1, 1.4], [-0.6, 0.4]]],
    ),
    "Minimum": (
        [[[-2.3, -0.2], [0, 0], [-0.5, 0.4]], [[0.4, 1], [-0.7, -1.3], [-0.7, 0]]],
        [[[-2.3, -0.2], [0, 0], [-0.5, 0]], [[0.4, 1], [-0.7, -1.3], [-0.7, 0]]],
    ),
}


@pytest.mark.parametrize("name", list(MERGED))
def test_products_and_extremes_pass_over_what_is_masked(name: str, executor: str) -> None:
    both, half = MERGED[name]
    first, second = (layers.Masking()(x) for x in PAIR)
    merged = getattr(layers, name)()([first, second])
    np.testing.assert_allclose(merged, both, atol=1e-6)
    np.testing.assert_array_equal(mask_of(merged), [[1, 0, 1], [1, 1, 1]])
    merged = getattr(layers, name)()([first, PAIR[1]])
    np.testing.assert_allclose(merged, half, atol=1e-6)
    assert mask_of(merged) is None
    inputs = [layers.Input((3, 2)), layers.Input((3, 2))]
    model = models.Model(inputs, getattr(layers, name)()([layers.Masking()(x) for x in inputs]))
    np.testing.assert_allclose(model.predict(list(PAIR), verbose=0), both, atol=1e-6)


def test_a_lambda_has_the_mask_that_it_is_given() -> None:
    seen = []

    def doubled(x: Any, mask: Any = None) -> Any:
        seen.append(mask)
        return x * 2

    x = embedded()
    np.testing.assert_array_equal(mask_of(layers.Lambda(doubled, mask=lambda x, m: m)(x)), MASK)
    np.testing.assert_array_equal(mask_of(layers.Lambda(lambda x: x, mask=ops.convert_to_tensor(MASK))(x)), MASK)
    np.testing.assert_array_equal(seen[0], MASK)
    assert mask_of(layers.Lambda(lambda x: x + 1)(x)) is None


def test_a_pool_takes_the_mask() -> None:
    x = embedded()
    expected = (np.asarray(x) * MASK[..., None]).sum(1) / MASK.sum(1, keepdims=True)
    np.testing.assert_allclose(layers.GlobalAveragePooling1D()(x), expected, rtol=1e-5)
    given = layers.GlobalAveragePooling1D()(x, mask=np.ones((2, 4), bool))
    np.testing.assert_allclose(given, np.asarray(x).mean(1), rtol=1e-5)


def test_a_layer_without_masks_loses_them_and_says_so() -> None:
    layer = layers.Flatten(name="flat")
    with pytest.warns(UserWarning, match=r"Flatten layer 'flat' takes no notice of the mask"):
        assert mask_of(layer(embedded())) is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer(np.asarray(embedded()))


def test_layers_of_ones_own() -> None:
    class Halved(layers.Layer):
        def call(self, inputs: Any) -> Any:
            return inputs[:, ::2]

        def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
            return None if mask is None else mask[:, ::2]

    class Told(layers.Layer):
        def call(self, first: Any, second: Any, first_mask: Any = None, second_mask: Any = None) -> Any:
            self.told = (first_mask, second_mask)
            return first, second

        def compute_mask(self, first: Any, previous: Any = None) -> Any:
            return None, previous

    halved = Halved()
    assert halved.supports_masking and not layers.Flatten().supports_masking
    np.testing.assert_array_equal(mask_of(halved(embedded())), MASK[:, ::2])
    told = Told()
    x = embedded()
    first, second = told(x, np.ones((2, 4), "float32"))
    np.testing.assert_array_equal(told.told[0], MASK)
    assert told.told[1] is None
    np.testing.assert_array_equal(mask_of(second), MASK)
    np.testing.assert_array_equal(mask_of(first), MASK)  # the tensor that came in, which has one


def test_a_mask_lives_as_long_as_its_tensor() -> None:
    gc.collect()
    before = len(masks._masks)
    tensor = Tensor.of_array(np.zeros(3))
    set_mask(tensor, np.ones(3, bool))
    assert len(masks._masks) == before + 1
    with masks.without_masks(tensor):
        assert mask_of(tensor) is None
    assert mask_of(tensor) is not None
    set_mask(tensor, None)
    assert mask_of(tensor) is None
    set_mask(tensor, np.ones(3, bool))
    del tensor
    gc.collect()
    assert len(masks._masks) == before


def classifier(kind: str) -> models.Model:
    parts = [layers.Embedding(5, 6, mask_zero=True), layers.Dropout(0.1, seed=1), layers.LayerNormalization(),
             layers.GlobalAveragePooling1D(), layers.Dense(1)]  # fmt: skip
    if kind == "sequential":
        return models.Sequential([layers.Input((4,), dtype="int32"), *parts])
    if kind == "functional":
        inputs = layers.Input((None,), dtype="int32")
        x = inputs
        for part in parts:
            x = part(x)
        return models.Model(inputs, x)

    class Own(models.Model):
        def __init__(self) -> None:
            super().__init__()
            self.parts = parts

        def call(self, inputs: Any) -> Any:
            for part in self.parts:
                inputs = part(inputs)
            return inputs

    return Own()


@pytest.mark.parametrize("kind", ["sequential", "functional", "subclass"])
def test_models_of_all_kinds_skip_padding(kind: str, executor: str) -> None:
    model = classifier(kind)
    padded = model(IDS)
    table, gamma, beta, kernel, bias = (np.asarray(w) for w in model.weights)
    rows = table[IDS]
    normal = (rows - rows.mean(-1, keepdims=True)) / np.sqrt(rows.var(-1, keepdims=True) + 1e-3) * gamma + beta
    pooled = (normal * MASK[..., None]).sum(1) / MASK.sum(1, keepdims=True)
    np.testing.assert_allclose(padded, pooled @ kernel + bias, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model.predict(IDS, verbose=0), padded, rtol=1e-4, atol=1e-5)
    model.compile("sgd", loss="mse")
    history = model.fit(IDS, np.array([[1.0], [2.0]]), epochs=4, verbose=0).history["loss"]
    assert history[-1] < history[0]


def test_masks_through_a_model_in_a_model() -> None:
    inner = models.Sequential([layers.Input((4,)), layers.Embedding(5, 6, mask_zero=True), layers.Dropout(0.1)])
    inputs = layers.Input((4,))
    model = models.Model(inputs, layers.GlobalAveragePooling1D()(inner(inputs)))
    table = np.asarray(inner.weights[0])
    expected = (table[IDS] * MASK[..., None]).sum(1) / MASK.sum(1, keepdims=True)
    np.testing.assert_allclose(model.predict(IDS.astype("float32"), verbose=0), expected, rtol=1e-4, atol=1e-6)


def test_half_floats_keep_their_masks() -> None:
    x = embedded()
    pooled = layers.GlobalAveragePooling1D(dtype="float16")(x)
    expected = (np.asarray(x) * MASK[..., None]).sum(1) / MASK.sum(1, keepdims=True)
    np.testing.assert_allclose(np.asarray(pooled, "float32"), expected, atol=1e-3)


def test_a_mask_that_is_given_goes_before_one_that_is_carried() -> None:
    x = embedded()
    other = np.array([[True, False, False, False]] * 2)
    np.testing.assert_array_equal(mask_of(layers.TimeDistributed(layers.Dense(2))(x, mask=other)), other)
    y = ops.add(x, 1.0)
    assert mask_of(y) is None  # an operation is no layer
