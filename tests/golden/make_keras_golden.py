"""Writes the numbers that Keras gives, for tests that compare Lamina with it where Keras is not installed.

Run by hand where Keras 3 is installed, and commit what changes:

    python tests/golden/make_keras_golden.py
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

HERE = Path(__file__).parent


def plain(value: Any) -> Any:
    """Numbers as JSON has them; floats with the digits that a float32 carries."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (bool, int, str, type(None))):
        return value
    if isinstance(value, float):
        return float(f"{value:.9g}")
    array = np.asarray(value)
    return plain(array.tolist())


def write(name: str, cases: list[dict[str, Any]]) -> None:
    lines = ",\n".join(json.dumps(plain(case)) for case in cases)
    (HERE / f"keras_{name}.json").write_text(f"[\n{lines}\n]\n")


def data() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)
    shares = rng.uniform(0.05, 1.0, (4, 3))
    return {
        "numbers": rng.normal(0, 2, (4, 3)).astype("float32"),
        "other": rng.normal(0, 2, (4, 3)).astype("float32"),
        "positive": rng.uniform(0.1, 3, (4, 3)).astype("float32"),
        "counts": rng.integers(0, 4, (4, 3)).astype("float32"),
        "bits": rng.integers(0, 2, (4, 3)).astype("float32"),
        "probabilities": rng.uniform(0.02, 0.98, (4, 3)).astype("float32"),
        "extreme": np.array([[0, 1, 0], [1, 0, 0], [1e-9, 0.5, 0.5], [0.2, 0.3, 0.1]], "float32"),
        "shares": (shares / shares.sum(-1, keepdims=True)).astype("float32"),
        "one_hot": np.eye(3, dtype="float32")[[0, 2, 1, 1]],
        "classes": np.array([0, 2, 1, 1]),
        "row_weights": np.array([1.0, 0.5, 2.0, 0.0], "float32"),
        "all_weights": rng.uniform(0, 2, (4, 3)).astype("float32"),
    }


LOSSES = [
    ("MeanSquaredError", {}, "numbers", "other"),
    ("MeanAbsoluteError", {}, "numbers", "other"),
    ("MeanAbsolutePercentageError", {}, "numbers", "other"),
    ("MeanSquaredLogarithmicError", {}, "positive", "numbers"),
    ("Huber", {}, "numbers", "other"),
    ("Huber", {"delta": 0.5}, "numbers", "other"),
    ("LogCosh", {}, "numbers", "other"),
    ("CosineSimilarity", {}, "numbers", "other"),
    ("CosineSimilarity", {"axis": 0}, "numbers", "other"),
    ("Hinge", {}, "bits", "numbers"),
    ("SquaredHinge", {}, "bits", "numbers"),
    ("CategoricalHinge", {}, "one_hot", "numbers"),
    ("KLDivergence", {}, "shares", "probabilities"),
    ("Poisson", {}, "counts", "positive"),
    ("BinaryCrossentropy", {}, "bits", "probabilities"),
    ("BinaryCrossentropy", {}, "bits", "extreme"),
    ("BinaryCrossentropy", {"from_logits": True}, "bits", "numbers"),
    ("BinaryCrossentropy", {"label_smoothing": 0.2}, "bits", "probabilities"),
    ("BinaryFocalCrossentropy", {}, "bits", "probabilities"),
    ("BinaryFocalCrossentropy", {"apply_class_balancing": True, "from_logits": True}, "bits", "numbers"),
    ("CategoricalCrossentropy", {}, "one_hot", "shares"),
    ("CategoricalCrossentropy", {}, "one_hot", "extreme"),
    ("CategoricalCrossentropy", {"from_logits": True}, "one_hot", "numbers"),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, "one_hot", "shares"),
    ("CategoricalFocalCrossentropy", {}, "one_hot", "shares"),
    ("CategoricalFocalCrossentropy", {"from_logits": True, "gamma": 1.5}, "one_hot", "numbers"),
    ("SparseCategoricalCrossentropy", {}, "classes", "shares"),
    ("SparseCategoricalCrossentropy", {}, "classes", "extreme"),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, "classes", "numbers"),
    ("SparseCategoricalCrossentropy", {"ignore_class": 1}, "classes", "shares"),
    ("Dice", {}, "bits", "probabilities"),
    ("Dice", {"axis": [1]}, "bits", "probabilities"),
    ("Tversky", {"alpha": 0.3, "beta": 0.7}, "bits", "probabilities"),
]


def losses() -> None:
    values = data()
    cases = []
    for name, config, true, pred in LOSSES:
        for reduction in ("sum_over_batch_size", "sum", "none", "mean_with_sample_weight"):
            by_row = name not in ("Dice", "Tversky") and config.get("axis") != 0
            for weights in (None, "row_weights") if by_row else (None,):
                loss = getattr(keras.losses, name)(reduction=reduction, **config)
                result = loss(values[true], values[pred], None if weights is None else values[weights])
                cases.append({
                    "name": name, "config": config, "reduction": reduction, "y_true": true, "y_pred": pred,
                    "weights": weights, "result": result,
                })  # fmt: skip
    write("data", [values])
    write("losses", cases)


METRICS = [
    ("Accuracy", {}, "bits", "counts", "row_weights"),
    ("BinaryAccuracy", {}, "bits", "probabilities", "row_weights"),
    ("BinaryAccuracy", {"threshold": 0.7}, "bits", "probabilities", "all_weights"),
    ("CategoricalAccuracy", {}, "one_hot", "shares", "row_weights"),
    ("SparseCategoricalAccuracy", {}, "classes", "shares", "row_weights"),
    ("TopKCategoricalAccuracy", {"k": 2}, "one_hot", "shares", "row_weights"),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, "classes", "shares", "row_weights"),
    ("MeanSquaredError", {}, "numbers", "other", "row_weights"),
    ("RootMeanSquaredError", {}, "numbers", "other", "all_weights"),
    ("MeanAbsoluteError", {}, "numbers", "other", "row_weights"),
    ("MeanAbsolutePercentageError", {}, "numbers", "other", "row_weights"),
    ("MeanSquaredLogarithmicError", {}, "positive", "numbers", "row_weights"),
    ("CosineSimilarity", {}, "numbers", "other", "row_weights"),
    ("LogCoshError", {}, "numbers", "other", "row_weights"),
    ("Hinge", {}, "bits", "numbers", "row_weights"),
    ("SquaredHinge", {}, "bits", "numbers", "row_weights"),
    ("CategoricalHinge", {}, "one_hot", "numbers", "row_weights"),
    ("KLDivergence", {}, "shares", "probabilities", "row_weights"),
    ("Poisson", {}, "counts", "positive", "row_weights"),
    ("BinaryCrossentropy", {}, "bits", "probabilities", "row_weights"),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, "one_hot", "shares", "row_weights"),
    ("SparseCategoricalCrossentropy", {}, "classes", "shares", "row_weights"),
    ("Precision", {}, "bits", "probabilities", "row_weights"),
    ("Precision", {"thresholds": [0.2, 0.6]}, "bits", "probabilities", "all_weights"),
    ("Precision", {"top_k": 2}, "bits", "probabilities", "row_weights"),
    ("Precision", {"class_id": 1}, "bits", "probabilities", "row_weights"),
    ("Recall", {}, "bits", "probabilities", "row_weights"),
    ("Recall", {"top_k": 1, "class_id": 2}, "bits", "probabilities", "row_weights"),
    ("TruePositives", {}, "bits", "probabilities", "row_weights"),
    ("FalsePositives", {"thresholds": [0.3, 0.5, 0.8]}, "bits", "probabilities", "row_weights"),
    ("TrueNegatives", {}, "bits", "probabilities", "all_weights"),
    ("FalseNegatives", {}, "bits", "probabilities", "row_weights"),
    ("AUC", {}, "bits", "probabilities", "row_weights"),
    ("AUC", {"num_thresholds": 5}, "bits", "probabilities", "row_weights"),
    ("AUC", {"curve": "PR"}, "bits", "probabilities", "row_weights"),
    ("AUC", {"curve": "PR", "summation_method": "majoring"}, "bits", "probabilities", "row_weights"),
    ("AUC", {"summation_method": "minoring", "from_logits": True}, "bits", "numbers", "row_weights"),
    ("AUC", {"thresholds": [0.1, 0.35, 0.7]}, "bits", "probabilities", "row_weights"),
    ("AUC", {"multi_label": True}, "bits", "probabilities", "row_weights"),
    ("AUC", {"multi_label": True, "label_weights": [1.0, 2.0, 0.5]}, "bits", "probabilities", "row_weights"),
    ("F1Score", {}, "one_hot", "shares", "row_weights"),
    ("F1Score", {"average": "macro"}, "one_hot", "shares", "row_weights"),
    ("F1Score", {"average": "micro", "threshold": 0.4}, "bits", "probabilities", "row_weights"),
    ("FBetaScore", {"average": "weighted", "beta": 2.0}, "one_hot", "shares", "row_weights"),
]


def metrics() -> None:
    values = data()
    cases = []
    for name, config, true, pred, weights in METRICS:
        for weighted in (False, True):
            metric = getattr(keras.metrics, name)(**config)
            w = values[weights] if weighted else None
            metric.update_state(values[true][:3], values[pred][:3], None if w is None else w[:3])
            first = np.array(metric.result())
            metric.update_state(values[true][1:], values[pred][1:], None if w is None else w[1:])
            cases.append({
                "name": name, "config": config, "y_true": true, "y_pred": pred,
                "weights": weights if weighted else None, "first": first, "result": metric.result(),
            })  # fmt: skip
    for name, batches in (
        ("Mean", [([1.0, 3.0, 5.0], None), ([[1.0, 2.0], [5.0, 8.0]], [0.2, 1.0]), (4.0, None)]),
        ("Sum", [([1.0, 3.0, 5.0], [1.0, 0.0, 2.0]), ([[1.0, 2.0], [5.0, 8.0]], None)]),
    ):
        metric = getattr(keras.metrics, name)()
        for batch, weight in batches:
            metric.update_state(np.array(batch, "float32"), None if weight is None else np.array(weight, "float32"))
        cases.append({"name": name, "batches": batches, "result": metric.result()})
    write("metrics", cases)


OPTIMIZERS = [
    ("SGD", {}),
    ("SGD", {"learning_rate": 0.1, "momentum": 0.9}),
    ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"learning_rate": 0.1, "weight_decay": 0.05}),
    ("SGD", {"learning_rate": 0.1, "clipnorm": 0.5}),
    ("SGD", {"learning_rate": 0.1, "clipvalue": 0.25}),
    ("SGD", {"learning_rate": 0.1, "global_clipnorm": 0.5}),
    ("SGD", {"learning_rate": 0.1, "use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 2}),
    ("SGD", {"learning_rate": 0.1, "gradient_accumulation_steps": 2}),
    ("SGD", {"learning_rate": 0.1, "loss_scale_factor": 4.0}),
    ("Adam", {}),
    ("Adam", {"learning_rate": 0.05, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3}),
    ("Adam", {"learning_rate": 0.05, "amsgrad": True, "beta_2": 0.5}),
    ("Adam", {"learning_rate": 0.05, "gradient_accumulation_steps": 2, "weight_decay": 0.1}),
    ("AdamW", {"learning_rate": 0.05}),
    ("RMSprop", {}),
    ("RMSprop", {"learning_rate": 0.05, "rho": 0.7, "momentum": 0.5}),
    ("RMSprop", {"learning_rate": 0.05, "centered": True}),
    ("Adagrad", {"learning_rate": 0.05}),
    ("Adadelta", {"learning_rate": 1.0}),
    ("Adamax", {"learning_rate": 0.05}),
    ("Nadam", {"learning_rate": 0.05}),
]


def optimizers() -> None:
    rng = np.random.default_rng(3)
    starts = [rng.normal(size=(2, 3)).astype("float32"), rng.normal(size=(3,)).astype("float32")]
    steps = [[rng.normal(size=s.shape).astype("float32") for s in starts] for _ in range(5)]
    cases: list[dict[str, Any]] = [{"starts": starts, "gradients": steps}]
    for name, config in OPTIMIZERS:
        variables = [keras.Variable(s, name=f"v{i}") for i, s in enumerate(starts)]
        optimizer = getattr(keras.optimizers, name)(**config)
        optimizer.build(variables)
        path = []
        for gradients in steps:
            optimizer.apply([keras.ops.convert_to_tensor(g) for g in gradients], variables)
            path.append([v.numpy() for v in variables])
        cases.append({"name": name, "config": config, "path": path})
    write("optimizers", cases)


SCHEDULES = [
    ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5}),
    ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5, "staircase": True}),
    ("PiecewiseConstantDecay", {"boundaries": [5, 20], "values": [1.0, 0.5, 0.1]}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 12}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 12, "power": 2.0, "cycle": True}),
    ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.5}),
    ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.5, "staircase": True}),
    ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 20, "alpha": 0.1}),
    ("CosineDecay", {"initial_learning_rate": 0.01, "decay_steps": 20, "warmup_target": 0.1, "warmup_steps": 6}),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 6}),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 6, "t_mul": 1.0, "m_mul": 0.8}),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 5, "t_mul": 1.5, "alpha": 0.2}),
]


def schedules() -> None:
    steps = [0, 1, 4, 5, 6, 7, 13, 19, 20, 21, 40, 100]
    cases = []
    for name, config in SCHEDULES:
        schedule = getattr(keras.optimizers.schedules, name)(**config)
        cases.append({"name": name, "config": config, "steps": steps, "result": [schedule(s) for s in steps]})
    write("schedules", cases)


ACTIVATIONS = [
    ("relu", {}), ("relu", {"negative_slope": 0.1}), ("relu", {"max_value": 2.0}), ("relu", {"threshold": 0.5}),
    ("relu", {"negative_slope": 0.1, "max_value": 2.0, "threshold": 0.5}), ("leaky_relu", {}), ("relu6", {}),
    ("softmax", {}), ("log_softmax", {}), ("elu", {}), ("elu", {"alpha": 0.5}), ("selu", {}),
    ("celu", {}), ("celu", {"alpha": 0.5}), ("softplus", {}), ("softsign", {}), ("squareplus", {}),
    ("sparse_plus", {}), ("soft_shrink", {}), ("hard_shrink", {}),
    ("threshold", {"threshold": 0.5, "default_value": -1.0}), ("silu", {}), ("swish", {}), ("gelu", {}),
    ("gelu", {"approximate": True}), ("glu", {}), ("tanh", {}), ("tanh_shrink", {}), ("hard_tanh", {}),
    ("sigmoid", {}), ("log_sigmoid", {}), ("sparse_sigmoid", {}), ("hard_sigmoid", {}), ("hard_silu", {}),
    ("exponential", {}), ("mish", {}), ("linear", {}),
]  # fmt: skip


def activations() -> None:
    x = np.array([[-9.0, -3.0, -1.5, -1.0, -0.5, -0.1], [0.0, 0.3, 0.5, 1.0, 2.5, 8.0]], "float32")
    cases: list[dict[str, Any]] = [{"x": x}]
    for name, config in ACTIVATIONS:
        result = getattr(keras.activations, name)(keras.ops.convert_to_tensor(x), **config)
        cases.append({"name": name, "config": config, "result": result})
    write("activations", cases)


INITIALIZERS = [
    ("Zeros", {}), ("Ones", {}), ("Constant", {"value": 0.3}), ("RandomNormal", {}), ("RandomUniform", {}),
    ("TruncatedNormal", {}), ("VarianceScaling", {}), ("VarianceScaling", {"distribution": "untruncated_normal"}),
    ("GlorotNormal", {}), ("GlorotUniform", {}), ("HeNormal", {}), ("HeUniform", {}), ("LecunNormal", {}),
    ("LecunUniform", {}),
]  # fmt: skip


def initializers() -> None:
    cases = []
    for name, config in INITIALIZERS:
        kind = getattr(keras.initializers, name)
        options = config if name in ("Zeros", "Ones", "Constant") else {**config, "seed": 1}
        for shape in ((200, 300), (3, 3, 40, 60)):
            value = np.asarray(kind(**options)(shape), "float64")
            cases.append({
                "name": name, "config": config, "shape": shape, "mean": value.mean(), "std": value.std(),
                "low": value.min(), "high": value.max(),
            })  # fmt: skip
    write("initializers", cases)


if __name__ == "__main__":
    for make in (losses, metrics, optimizers, schedules, activations, initializers):
        make()
