"""Losses: formulas, numbers of Keras, gradients, names, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lamina import activations, losses, ops
from lamina.base.errors import ArgumentError, IndexRangeError, ShapeError
from lamina.tensor import GradientTape, Variable
from tests.golden.reference import arrays, label, load, run_traced

CASES = load("losses")
DATA = arrays()


def _make(case: dict[str, Any]) -> losses.Loss:
    return getattr(losses, case["name"])(reduction=case["reduction"], **case["config"])


@pytest.mark.parametrize("case", CASES, ids=label)
def test_as_keras(case: dict[str, Any]) -> None:
    weights = DATA[case["weights"]] if case["weights"] else None
    result = _make(case)(DATA[case["y_true"]], DATA[case["y_pred"]], sample_weight=weights)
    np.testing.assert_allclose(result, case["result"], rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("case", [c for c in CASES if c["reduction"] != "sum"], ids=label)
def test_traced_as_keras(case: dict[str, Any], interpreted: None) -> None:
    loss = _make(case)
    given = [DATA[case["y_true"]], DATA[case["y_pred"]]] + ([DATA[case["weights"]]] if case["weights"] else [])
    (result,) = run_traced(loss, *given)
    np.testing.assert_allclose(result, case["result"], rtol=2e-5, atol=2e-6)


def test_mean_squared_error_is_its_formula(executor: str) -> None:
    y, p = DATA["numbers"], DATA["other"]
    (result,) = run_traced(losses.MeanSquaredError(), y, p)
    np.testing.assert_allclose(result, np.mean((y - p) ** 2), rtol=1e-6)


def test_sparse_and_one_hot_targets_give_the_same(executor: str) -> None:
    p = DATA["shares"]
    (sparse,) = run_traced(losses.SparseCategoricalCrossentropy(), DATA["classes"], p)
    (dense,) = run_traced(losses.CategoricalCrossentropy(), DATA["one_hot"], p)
    expected = -np.mean(np.log(p[np.arange(4), DATA["classes"]]))
    np.testing.assert_allclose([sparse, dense], expected, rtol=1e-6)


def test_logits_and_their_softmax_give_the_same() -> None:
    logits = DATA["numbers"]
    shares = ops.softmax(logits)
    for kind, y in ((losses.SparseCategoricalCrossentropy, "classes"), (losses.CategoricalCrossentropy, "one_hot")):
        a = kind(from_logits=True)(DATA[y], logits)
        b = kind()(DATA[y], shares)
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_gradients_of_crossentropy_are_softmax_minus_target() -> None:
    logits = Variable(DATA["numbers"])
    expected = (np.asarray(ops.softmax(DATA["numbers"])) - DATA["one_hot"]) / 4
    for loss, y in (
        (losses.SparseCategoricalCrossentropy(from_logits=True), "classes"),
        (losses.CategoricalCrossentropy(from_logits=True), "one_hot"),
    ):
        with GradientTape() as tape:
            value = loss(DATA[y], logits)
        np.testing.assert_allclose(tape.gradient(value, logits), expected, atol=1e-6)
    with GradientTape() as tape:
        value = losses.SparseCategoricalCrossentropy()(DATA["classes"], ops.softmax(logits))
    np.testing.assert_allclose(tape.gradient(value, logits), expected, atol=1e-6)


def test_certain_and_wrong_predictions_stay_finite() -> None:
    certain = np.array([[0.0, 1.0, 0.0]], "float32")
    assert float(losses.SparseCategoricalCrossentropy()([0], certain)) == pytest.approx(-np.log(1e-7), rel=1e-5)
    assert float(losses.BinaryCrossentropy()([[1.0]], [[0.0]])) == pytest.approx(-np.log(1e-7), rel=1e-5)
    far = np.array([[1000.0, -1000.0]], "float32")
    assert float(losses.SparseCategoricalCrossentropy(from_logits=True)([1], far)) == 2000.0
    assert float(losses.BinaryCrossentropy(from_logits=True)([[0.0, 1.0]], far)) == 1000.0


def test_outputs_of_softmax_and_sigmoid_stand_for_their_logits(interpreted: None) -> None:
    # The share of class 1 is 0 in float32, but its logarithm is known to be -200.
    far = np.array([[100.0, -100.0]], "float32")
    for targets, loss in (
        (np.array([1]), losses.SparseCategoricalCrossentropy()),
        (np.array([[0.0, 1.0]], "float32"), losses.CategoricalCrossentropy()),
    ):
        (traced,) = run_traced(lambda y, z, loss=loss: loss(y, activations.softmax(z)), targets, far)
        assert traced == float(loss(targets, activations.softmax(far))) == 200.0
        assert float(loss(targets, np.asarray(activations.softmax(far)))) < 17.0
    binary, targets = losses.BinaryCrossentropy(), np.array([[0.0, 1.0]], "float32")
    (traced,) = run_traced(lambda y, z: binary(y, activations.sigmoid(z)), targets, far)
    assert traced == float(binary(targets, activations.sigmoid(far))) == 100.0


def test_logits_are_not_kept_alive_by_their_softmax() -> None:
    from lamina.activations import logits

    before = len(logits._tensors)
    output = activations.softmax(DATA["numbers"])
    assert len(logits._tensors) == before + 1
    del output
    assert len(logits._tensors) == before


def test_ignored_class_does_not_count_and_has_no_gradient() -> None:
    labels = np.array([0, -1, 2, -1])
    logits = Variable(DATA["numbers"])
    loss = losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
    with GradientTape() as tape:
        value = loss(labels, logits)
    kept = losses.SparseCategoricalCrossentropy(from_logits=True)(labels[[0, 2]], DATA["numbers"][[0, 2]])
    np.testing.assert_allclose(value, kept, rtol=1e-6)
    gradient = np.asarray(tape.gradient(value, logits))
    assert np.all(gradient[[1, 3]] == 0) and np.all(np.isfinite(gradient)) and np.all(gradient[[0, 2]] != 0)


def test_column_targets_meet_flat_predictions() -> None:
    column, flat = np.array([[1.0], [2.0]], "float32"), np.array([1.0, 4.0], "float32")
    assert float(losses.MeanSquaredError()(column, flat)) == 2.0
    assert float(losses.MeanSquaredError()(flat, column)) == 2.0


def test_weights_of_each_reduction() -> None:
    y, p, w = np.zeros((3, 1), "float32"), np.array([[1.0], [2.0], [3.0]], "float32"), [1.0, 0.0, 0.5]
    results = {r: np.asarray(losses.MeanSquaredError(reduction=r)(y, p, w)) for r in ("sum", "mean", "none")}
    assert results["sum"] == 5.5
    assert results["mean"] == pytest.approx(5.5 / 3)
    assert results["none"].tolist() == [1.0, 0.0, 4.5]
    assert float(losses.MeanSquaredError(reduction="mean_with_sample_weight")(y, p, w)) == pytest.approx(5.5 / 1.5)


def test_bytes_as_targets_do_not_wrap() -> None:
    assert float(losses.MeanSquaredError()(np.array([[1]], "uint8"), np.array([[3.0]], "float32"))) == 4.0


def test_class_numbers_beyond_float_precision() -> None:
    # 2**24 + 1 is no float32; a label that passed through one would name another class.
    seen: list[str] = []

    def spy(y_true: Any, y_pred: Any) -> Any:
        seen.append(y_true.dtype)
        return ops.mean(y_pred, axis=-1)

    spy.takes_integers = True  # type: ignore[attr-defined]
    losses.LossFunctionWrapper(spy)(np.array([2**24 + 1]), np.zeros((1, 2), "float32"))
    losses.LossFunctionWrapper(lambda y, p: spy(y, p))(np.array([1]), np.zeros((1, 2), "float32"))
    assert seen == ["int64", "float32"]


@pytest.mark.parametrize(
    ("alias", "function"),
    [
        ("mse", losses.mean_squared_error), ("MSE", losses.mean_squared_error), ("mae", losses.mean_absolute_error),
        ("mape", losses.mean_absolute_percentage_error), ("msle", losses.mean_squared_logarithmic_error),
        ("bce", losses.binary_crossentropy), ("kld", losses.kl_divergence),
        ("mean_squared_error", losses.mean_squared_error),
        ("sparse_categorical_crossentropy", losses.sparse_categorical_crossentropy),
    ],
)  # fmt: skip
def test_names_of_functions(alias: str, function: Any) -> None:
    assert losses.get(alias) is function


def test_names_of_classes() -> None:
    assert isinstance(losses.get("MeanSquaredError"), losses.MeanSquaredError)
    assert losses.get(None) is None
    with pytest.raises(ArgumentError, match=r"There is no loss 'mean_squared_eror'. Did you mean 'mean_squared_error'"):
        losses.get("mean_squared_eror")


@pytest.mark.parametrize("case", [c for c in CASES if c["reduction"] == "sum" and not c["weights"]], ids=label)
def test_config_makes_the_same_loss(case: dict[str, Any]) -> None:
    loss = _make(case)
    again = losses.deserialize(losses.serialize(loss))
    assert type(again) is type(loss) and again.get_config() == loss.get_config()
    np.testing.assert_allclose(again(DATA[case["y_true"]], DATA[case["y_pred"]]), case["result"], rtol=2e-5)


def test_own_loss() -> None:
    class Cubic(losses.Loss):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            return ops.mean(ops.abs(y_true - y_pred) ** 3, axis=-1)

    loss = Cubic()
    assert loss.name.startswith("cubic")
    assert float(loss([[0.0, 0.0]], [[2.0, 0.0]])) == 4.0


def test_reduction_must_be_known() -> None:
    with pytest.raises(ArgumentError, match=r"MeanSquaredError: reduction must be one of .* Received: 'average'"):
        losses.MeanSquaredError(reduction="average")


def test_shapes_that_cannot_be_compared() -> None:
    with pytest.raises(ShapeError, match=r"y_true has shape \(4, 2\) and y_pred has shape \(4, 3\).* 2 units"):
        losses.MeanSquaredError()(np.zeros((4, 2)), np.zeros((4, 3)))
    with pytest.raises(ShapeError, match=r"If y_true holds class numbers, use a sparse categorical loss"):
        losses.MeanSquaredError()(np.zeros(4), np.zeros((4, 3)))


def test_class_numbers_where_one_hot_targets_belong() -> None:
    with pytest.raises(ShapeError, match=r"seems to hold class numbers: use 'sparse_categorical_crossentropy'"):
        losses.CategoricalCrossentropy()(DATA["classes"], DATA["shares"])


def test_one_hot_targets_where_class_numbers_belong() -> None:
    with pytest.raises(ShapeError, match=r"seems to be one-hot: use 'categorical_crossentropy'"):
        losses.SparseCategoricalCrossentropy()(DATA["one_hot"], DATA["shares"])


def test_label_out_of_range() -> None:
    with pytest.raises(IndexRangeError, match=r"class numbers from 0 to 2, as y_pred has 3 classes"):
        losses.SparseCategoricalCrossentropy()([0, 3, 1, 1], DATA["shares"])
    with pytest.raises(IndexRangeError, match=r"class numbers from 0 to 2"):
        losses.SparseCategoricalCrossentropy()([0, -1, 1, 1], DATA["shares"])


def test_label_out_of_range_in_a_program(executor: str) -> None:
    for wrong in (3, -1):
        with pytest.raises(IndexRangeError):
            run_traced(losses.SparseCategoricalCrossentropy(), np.array([0, wrong, 1, 1]), DATA["shares"])


def test_weights_that_do_not_fit() -> None:
    with pytest.raises(ShapeError, match=r"sample_weight of shape \(3,\) does not fit losses of shape \(4,\)"):
        losses.MeanSquaredError()(DATA["numbers"], DATA["other"], sample_weight=np.ones(3))
