"""What a mask of the predictions hides has no part in losses and metrics: numbers of Keras 3.15 on TensorFlow."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import layers, losses, metrics, ops
from lamina.base.errors import ShapeError
from lamina.layers.masks import set_mask
from lamina.tensor import GradientTape, Variable

PREDICTED = np.array([[[0.1, -0.1], [0, 0], [-0.5, 0.4]], [[0, 0], [-0.7, -1.3], [-0.6, 0]]], "float32")
TARGETS = np.array([[[0.9, 0.1], [-0.7, -0.9], [-0.5, 0.2]], [[-1.0, -0.2], [-0.2, 0.5], [0.2, 0.4]]], "float32")
WEIGHTS = [[1.0, 2.0, 0.5], [0.0, 1.0, 3.0]]


@pytest.mark.parametrize(
    ("reduction", "plain", "weighted"),
    [
        ("sum_over_batch_size", 0.62625, 0.82375),
        ("sum", 2.505, 3.295),
        ("mean_with_sample_weight", 0.62625, 0.5990909),
        ("none", [[0.34, 0, 0.02], [0, 1.745, 0.4]], [[0.34, 0, 0.01], [0, 1.745, 1.2]]),
    ],
)
def test_losses(reduction: str, plain: object, weighted: object) -> None:
    loss = losses.MeanSquaredError(reduction=reduction)
    predicted = layers.Masking()(PREDICTED)
    np.testing.assert_allclose(loss(TARGETS, predicted), plain, rtol=1e-5)
    np.testing.assert_allclose(loss(TARGETS, predicted, WEIGHTS), weighted, rtol=1e-5)


@pytest.mark.parametrize(
    ("metric", "plain", "weighted"),
    [
        (metrics.MeanSquaredError, 0.62625, 0.5990909),
        (metrics.MeanAbsoluteError, 0.5875, 0.6363636),
        (metrics.CategoricalAccuracy, 0.75, 0.8181818),
    ],
)
def test_metrics(metric: type[metrics.Metric], plain: float, weighted: float) -> None:
    predicted = layers.Masking()(PREDICTED)
    assert float(metric()(TARGETS, predicted)) == pytest.approx(plain, rel=1e-5)
    assert float(metric()(TARGETS, predicted, WEIGHTS)) == pytest.approx(weighted, rel=1e-5)


def test_masked_steps_have_no_gradient() -> None:
    x = Variable(PREDICTED)
    with GradientTape() as tape:
        predicted = x * 1.0
        set_mask(predicted, ops.convert_to_tensor([[True, False, True], [False, False, True]]))
        value = losses.MeanAbsoluteError()(TARGETS, predicted)
    gradient = np.asarray(tape.gradient(value, x))
    assert not gradient[0, 1].any() and not gradient[1, :2].any() and gradient[0, 0].all()


def test_masks_and_ignored_classes_both_count() -> None:
    scores = ops.convert_to_tensor(np.zeros((2, 3, 4), "float32"))
    set_mask(scores, ops.convert_to_tensor([[True, True, False], [True, False, False]]))
    loss = losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1, reduction="sum")
    assert float(loss(np.array([[1, -1, 2], [3, 3, -1]]), scores)) == pytest.approx(2 * np.log(4), rel=1e-6)


def test_nothing_but_padding_costs_nothing() -> None:
    predicted = layers.Masking()(np.zeros((2, 3, 2), "float32"))
    assert float(losses.MeanSquaredError()(TARGETS, predicted)) == 0.0
    assert float(metrics.MeanSquaredError()(TARGETS, predicted)) == 0.0


def test_a_weight_of_a_sample_is_one_for_its_steps() -> None:
    rows = np.array([2.0, 0.5], "float32")
    spread = np.repeat(rows[:, None], 3, 1)
    for predicted in (PREDICTED, layers.Masking()(PREDICTED)):
        loss = losses.MeanSquaredError()
        assert float(loss(TARGETS, predicted, rows)) == pytest.approx(float(loss(TARGETS, predicted, spread)))


def test_a_mask_of_more_axes_than_values_is_an_error() -> None:
    predicted = layers.Masking()(PREDICTED[..., :1])
    with pytest.raises(ShapeError, match=r"carry a mask of shape \(2, 3\).*y\[\.\.\., None\]"):
        losses.MeanSquaredError()(TARGETS[..., 0], predicted)
    with pytest.raises(ShapeError, match="a mask of the predictions"):
        metrics.MeanSquaredError().update_state(TARGETS[..., 0], predicted)
