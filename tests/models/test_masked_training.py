"""Masks and weights of steps in training and evaluation: numbers of Keras 3.15 on TensorFlow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lamina import layers, losses, metrics, models, optimizers
from lamina.base.errors import DataError, ShapeError

IDS = np.array([[3, 1, 0, 0], [2, 2, 2, 0], [1, 0, 0, 0]])
TARGETS = np.array([[1, 2, 0, 1], [2, 0, 1, 1], [1, 1, 1, 1]])
STEPS = np.array([[1, 2, 1, 1], [0.5, 1, 0, 1], [3, 1, 1, 1]], "float32")

EVALUATED = {
    "plain": {"accuracy": 0.1666667, "ce": 1.1222125, "loss": 1.1222125, "weighted_accuracy": 0.1666667},
    "steps": {"accuracy": 0.1666667, "ce": 1.1435387, "loss": 1.4294233, "weighted_accuracy": 0.0},
}
FITTED = {
    "plain": {
        "accuracy": [0.1666667, 0.5, 0.5], "ce": [1.1175572, 1.0298680, 1.0280223],
        "loss": [1.1177891, 0.9214137, 0.8891255], "weighted_accuracy": [0.1666667, 0.5, 0.5],
    },
    "steps": {
        "accuracy": [0.1666667, 0.5, 0.5], "ce": [1.2032230, 1.7187638, 1.4474376],
        "loss": [1.9807390, 1.8302170, 1.5194678], "weighted_accuracy": [0.0, 0.6, 0.6666667],
    },
}  # fmt: skip
ON_BATCH = {
    "plain": {"accuracy": 0.5, "ce": 1.0131621, "loss": 1.0131621, "weighted_accuracy": 0.5},
    "steps": {"accuracy": 0.5, "ce": 1.1909022, "loss": 1.4886279, "weighted_accuracy": 0.6666667},
}


def tagger(loss: Any = None) -> models.Model:
    inputs = layers.Input((4,), dtype="int32")
    table, scores = layers.Embedding(5, 3, mask_zero=True), layers.Dense(3)
    model = models.Model(inputs, scores(table(inputs)))
    table.set_weights([np.sin(np.arange(15.0)).reshape(5, 3)])
    scores.set_weights([np.cos(np.arange(9.0)).reshape(3, 3), np.zeros(3)])
    model.compile(
        optimizers.SGD(0.5),
        loss or losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        weighted_metrics=["accuracy", metrics.SparseCategoricalCrossentropy(from_logits=True, name="ce")],
    )
    return model


@pytest.mark.parametrize("kind", ["plain", "steps"])
def test_as_keras(kind: str, executor: str) -> None:
    weights = STEPS if kind == "steps" else None
    model = tagger()
    found = model.evaluate(IDS, TARGETS, sample_weight=weights, verbose=0, return_dict=True)
    assert found == pytest.approx(EVALUATED[kind], rel=1e-5)
    history = model.fit(IDS, TARGETS, sample_weight=weights, epochs=3, batch_size=2, shuffle=False, verbose=0).history
    for name, values in FITTED[kind].items():
        np.testing.assert_allclose(history[name], values, rtol=1e-5, err_msg=name)
    model.reset_metrics()
    found = model.train_on_batch(IDS, TARGETS, sample_weight=weights, return_dict=True)
    assert found == pytest.approx(ON_BATCH[kind], rel=1e-5)


def test_batches_with_weights_of_steps_are_as_arrays() -> None:
    model = tagger()
    batches = [(IDS[:2], TARGETS[:2], STEPS[:2]), (IDS[2:], TARGETS[2:], STEPS[2:])]
    model.fit((b for _ in range(3) for b in batches), steps_per_epoch=2, epochs=3, verbose=0)
    assert model.history is not None
    np.testing.assert_allclose(model.history.history["loss"], FITTED["steps"]["loss"], rtol=1e-5)
    held = model.fit(IDS, TARGETS, validation_data=(IDS, TARGETS, STEPS), verbose=0).history["val_loss"][0]
    assert held == pytest.approx(model.evaluate(IDS, TARGETS, sample_weight=STEPS, verbose=0, return_dict=True)["loss"])


def test_a_weight_of_a_sample_counts_for_its_steps() -> None:
    model = tagger()
    rows = np.array([1.0, 2.0, 0.5], "float32")
    spread = np.repeat(rows[:, None], 4, 1)
    a, b = (model.evaluate(IDS, TARGETS, sample_weight=w, verbose=0, return_dict=True) for w in (rows, spread))
    assert a["loss"] == pytest.approx(b["loss"])


def test_weights_of_classes_of_steps() -> None:
    by_class = {1: 2.0, 2: 0.5}
    table = np.array([1.0, 2.0, 0.5], "float32")
    first, second = tagger(), tagger()
    a = first.train_on_batch(IDS, TARGETS[..., None], class_weight=by_class, return_dict=True)
    b = second.train_on_batch(IDS, TARGETS, sample_weight=table[TARGETS], return_dict=True)
    assert a["loss"] == pytest.approx(b["loss"])
    np.testing.assert_allclose(first.get_weights()[1], second.get_weights()[1], rtol=1e-6)
    with pytest.raises(DataError, match=r"give them a last axis of 1: y\[\.\.\., None\]"):
        first.train_on_batch(IDS, TARGETS, class_weight=by_class)


def test_masked_steps_change_nothing() -> None:
    other = np.where(IDS != 0, TARGETS, 2)
    for targets in (TARGETS, other):
        assert tagger().evaluate(IDS, targets, verbose=0)[0] == pytest.approx(EVALUATED["plain"]["loss"], rel=1e-5)


def test_a_sequential_model_heeds_masks_too() -> None:
    model = models.Sequential(
        [layers.Input((3, 2)), layers.Masking(), layers.Dense(1, kernel_initializer="ones"), layers.Dropout(0.1)]
    )
    x = np.array([[[1.0, 2.0], [0, 0], [0, 0]], [[1, 1], [2, 2], [0, 0]]], "float32")
    model.compile("sgd", "mse", metrics=["mae"])
    found = model.evaluate(x, np.full((2, 3, 1), 1.0, "float32"), verbose=0)
    np.testing.assert_allclose(found, [(2**2 + 1 + 3**2) / 3, (2 + 1 + 3) / 3], rtol=1e-6)
    with pytest.raises(ShapeError, match=r"carry a mask of shape .* for example y\[\.\.\., None\]"):
        model.evaluate(x, np.ones((2, 3), "float32"), verbose=0)


def test_each_output_has_its_own_mask() -> None:
    inputs = layers.Input((4,), dtype="int32")
    embedded = layers.Embedding(5, 3, mask_zero=True)(inputs)
    model = models.Model(inputs, {"a": layers.Dense(1)(embedded), "b": layers.GlobalAveragePooling1D()(embedded)})
    model.compile("sgd", "mse")
    y = {"a": np.ones((3, 4, 1), "float32"), "b": np.zeros((3, 3), "float32")}
    found = model.evaluate(IDS, y, verbose=0, return_dict=True)
    predicted = model.predict(IDS, verbose=0)
    expected = np.mean((predicted["a"][IDS != 0] - 1) ** 2) + np.mean(predicted["b"] ** 2)
    assert found["loss"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("shape", [(3, 2), (3, 4, 5), (3, 4, 3, 1)])
def test_weights_that_fit_no_axis_of_the_output(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match=r"one number for each sample, \(rows,\), or for each of its steps.*Received"):
        tagger().train_on_batch(IDS, TARGETS, sample_weight=np.ones(shape, "float32"))


def test_weights_of_steps_of_one_output_of_several() -> None:
    inputs = layers.Input((4,), dtype="int32")
    embedded = layers.Embedding(5, 3)(inputs)
    model = models.Model(inputs, {"a": layers.Dense(1)(embedded), "b": layers.Flatten()(embedded)})
    model.compile("sgd", "mse", weighted_metrics={"a": ["mae"]})
    y = {"a": np.ones((3, 4, 1), "float32"), "b": np.zeros((3, 12), "float32")}
    found = model.evaluate(IDS, y, sample_weight={"a": STEPS, "b": np.ones(3)}, verbose=0, return_dict=True)
    predicted = model.predict(IDS, verbose=0)
    away = predicted["a"][..., 0] - 1
    assert found["a_loss"] == pytest.approx(np.mean(STEPS * away**2), rel=1e-5)
    assert found["a_mae"] == pytest.approx((STEPS * abs(away)).sum() / STEPS.sum(), rel=1e-5)
