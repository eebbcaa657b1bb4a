"""Metrics: numbers of Keras, state, names, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lamina import metrics, ops
from lamina.base.errors import ArgumentError, LaminaError, ShapeError
from tests.golden.reference import arrays, label, load, run_traced

CASES = load("metrics")
COMPARED = [c for c in CASES if "y_true" in c]
DATA = arrays()


def _batches(case: dict[str, Any]) -> list[list[np.ndarray]]:
    names = [case["y_true"], case["y_pred"]] + ([case["weights"]] if case["weights"] else [])
    whole = [DATA[name] for name in names]
    return [[a[:3] for a in whole], [a[1:] for a in whole]]


@pytest.mark.parametrize("case", COMPARED, ids=label)
def test_as_keras(case: dict[str, Any]) -> None:
    metric = getattr(metrics, case["name"])(**case["config"])
    first, second = _batches(case)
    np.testing.assert_allclose(metric(*first), case["first"], rtol=1e-5, atol=1e-6)
    metric.update_state(*second)
    np.testing.assert_allclose(metric.result(), case["result"], rtol=1e-5, atol=1e-6)
    metric.reset_state()
    assert all(np.all(v.numpy() == 0) for v in metric.variables)
    np.testing.assert_allclose(metric(*first), case["first"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("case", COMPARED, ids=label)
def test_traced_as_keras(case: dict[str, Any], interpreted: None) -> None:
    metric = getattr(metrics, case["name"])(**case["config"])
    for batch in _batches(case):
        run_traced(metric.update_state, *batch)
    np.testing.assert_allclose(metric.result(), case["result"], rtol=1e-5, atol=1e-6)
    (result,) = run_traced(metric.result)
    np.testing.assert_allclose(result, case["result"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("case", [c for c in CASES if "batches" in c], ids=label)
def test_mean_and_sum_as_keras(case: dict[str, Any]) -> None:
    metric = getattr(metrics, case["name"])()
    for values, weights in case["batches"]:
        metric.update_state(values, sample_weight=weights)
    np.testing.assert_allclose(metric.result(), case["result"], rtol=1e-6)


@pytest.mark.parametrize("case", [c for c in COMPARED if not c["weights"]], ids=label)
def test_config_makes_the_same_metric(case: dict[str, Any]) -> None:
    metric = getattr(metrics, case["name"])(**case["config"])
    again = metrics.deserialize(metrics.serialize(metric))
    assert type(again) is type(metric) and again.get_config() == metric.get_config()
    np.testing.assert_allclose(again(*_batches(case)[0]), case["first"], rtol=1e-5, atol=1e-6)


def test_accuracy_over_batches_compiled(executor: str) -> None:
    metric = metrics.SparseCategoricalAccuracy()
    predictions = np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]], "float32")
    run_traced(metric.update_state, np.array([1, 0, 0]), predictions)
    run_traced(metric.update_state, np.array([1]), predictions[:1])
    assert float(metric.result()) == 0.75
    assert float(metric.count) == 4.0


def test_top_k_of_a_class_that_does_not_exist() -> None:
    values = metrics.sparse_top_k_categorical_accuracy(np.array([-1, 3, 0]), DATA["shares"][:3], k=3)
    np.testing.assert_array_equal(values, [0, 0, 1])


def test_empty_metrics_are_zero() -> None:
    assert float(metrics.Mean().result()) == 0.0
    assert float(metrics.Precision().result()) == 0.0
    assert float(metrics.F1Score().result()) == 0.0


def test_state_is_float32_scalars() -> None:
    metric = metrics.BinaryAccuracy()
    assert [(v.dtype, v.shape, v.trainable) for v in metric.variables] == [("float32", (), False)] * 2
    assert [v.path for v in metric.variables] == ["binary_accuracy/total", "binary_accuracy/count"]


@pytest.mark.parametrize(
    ("true", "pred", "expected"),
    [
        ((None, 1), (None, 1), metrics.BinaryAccuracy),
        ((None,), (None, 10), metrics.SparseCategoricalAccuracy),
        ((None, 1), (None, 10), metrics.SparseCategoricalAccuracy),
        ((None, 10), (None, 10), metrics.CategoricalAccuracy),
        ((32, 7), (32, 7, 5), metrics.SparseCategoricalAccuracy),
    ],
)
def test_accuracy_by_shapes(true: Any, pred: Any, expected: type) -> None:
    assert metrics.resolve_accuracy(true, pred) is expected


def test_names() -> None:
    assert isinstance(metrics.get("mse"), metrics.MeanSquaredError)
    assert isinstance(metrics.get("sparse_categorical_accuracy"), metrics.SparseCategoricalAccuracy)
    assert isinstance(metrics.get("AUC"), metrics.AUC)
    assert metrics.get(None) is None
    with pytest.raises(ArgumentError, match=r"There is no metric 'acuracy'. Did you mean 'accuracy'"):
        metrics.get("acuracy")


def test_own_metric() -> None:
    class Largest(metrics.Metric):
        def __init__(self, name: str = "largest"):
            super().__init__(name=name)
            self.best = self.add_weight(name="best")

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            self.best.assign(ops.maximum(self.best, ops.max(y_pred)))

        def result(self) -> Any:
            return self.best.value

    metric = Largest()
    metric.update_state(None, np.array([1.0, 5.0], "float32"))
    assert float(metric(None, np.array([2.0], "float32"))) == 5.0
    metric.reset_state()
    assert float(metric.result()) == 0.0


def test_function_as_metric_is_written_down_by_name() -> None:
    metric = metrics.MeanMetricWrapper(metrics.binary_accuracy, name="b", threshold=0.3)
    config = metrics.serialize(metric)
    assert config["config"] == {"name": "b", "dtype": "float32", "threshold": 0.3, "fn": "binary_accuracy"}


def test_forgotten_super_init() -> None:
    class Forgetful(metrics.Metric):
        def __init__(self) -> None:
            self.total = self.add_variable()

    with pytest.raises(LaminaError, match=r"Forgetful: call `super"):
        Forgetful()


def test_one_hot_targets_for_sparse_accuracy() -> None:
    with pytest.raises(ShapeError, match=r"One-hot targets go with 'categorical_accuracy'"):
        metrics.SparseCategoricalAccuracy()(DATA["one_hot"], DATA["shares"])


def test_class_numbers_for_counts() -> None:
    with pytest.raises(ShapeError, match=r"One-hot encode class numbers first"):
        metrics.Precision()(DATA["classes"], DATA["shares"])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: metrics.Precision(thresholds=1.5), "Precision: thresholds must be numbers from 0 to 1"),
        (lambda: metrics.AUC(num_thresholds=1), "AUC: num_thresholds must be at least 2"),
        (lambda: metrics.AUC(curve="XY"), "AUC: curve must be 'ROC' or 'PR'"),
        (lambda: metrics.F1Score(average="all"), "F1Score: average must be None, 'micro', 'macro' or 'weighted'"),
    ],
)
def test_arguments_that_cannot_be(make: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        make()
