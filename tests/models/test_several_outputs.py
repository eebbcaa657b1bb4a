"""Training with several inputs and outputs: structures of data, losses and metrics for each, names of results."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import ops, optimizers
from lamina.base.errors import ArgumentError, DataError
from lamina.layers import Concatenate, Dense, Input
from lamina.models import Model, Sequential


def grid(*shape: int, scale: float = 1.0) -> np.ndarray:
    """Numbers that are the same everywhere, without a random generator."""
    count = int(np.prod(shape))
    return (np.sin(np.arange(count) * 1.7 + 1) * scale).reshape(shape).astype("float32")


X = [grid(10, 3), grid(10, 2, scale=2)]
Y = {"level": grid(10, 1), "kind": np.arange(10) % 3}
WEIGHTS = {"level": np.linspace(0.5, 2, 10).astype("float32"), "kind": np.ones(10, "float32")}
AS_DICT = {
    "loss": {"level": "mse", "kind": "sparse_categorical_crossentropy"},
    "loss_weights": {"level": 0.5, "kind": 2.0},
    "metrics": {"kind": ["accuracy"], "level": "mae"},
    "weighted_metrics": {"level": ["mse"]},
}
AS_LIST = {
    "loss": ["mse", "sparse_categorical_crossentropy"],
    "loss_weights": [0.5, 2.0],
    "metrics": ["mae", ["accuracy"]],
    "weighted_metrics": [["mse"], None],
}
# From Keras 3.15 on JAX: three epochs of SGD(0.1), batches of 4, on the model below.
KERAS = {
    "kind_accuracy": [0.4, 0.4, 0.5],
    "kind_loss": [1.377623, 1.161257, 1.110102],
    "level_loss": [1.947514, 0.773794, 0.689742],
    "level_mae": [1.149734, 0.627535, 0.595344],
    "level_mse": [1.558011, 0.619035, 0.551794],
    "loss": [3.729004, 2.709411, 2.565074],
    "val_kind_accuracy": [0.4, 0.5, 0.5],
    "val_kind_loss": [1.129993, 1.066694, 1.045081],
    "val_level_loss": [0.594721, 0.525476, 0.520253],
    "val_level_mae": [0.619391, 0.582468, 0.571235],
    "val_level_mse": [0.594721, 0.525476, 0.520253],
    "val_loss": [2.557347, 2.396127, 2.35029],
}


def model(structure: type = dict, **options) -> Model:
    a, b = Input((3,), name="a"), Input((2,), name="b")
    shared = Dense(4, activation="tanh", name="shared")
    joined = Concatenate()([shared(a), shared(Dense(3, name="widen")(b))])
    joined = joined + ops.mean(joined, axis=1, keepdims=True)
    level = Dense(1, name="level")(joined)
    kind = Dense(3, activation="softmax", name="kind")(joined)
    made = Model([a, b], {"level": level, "kind": kind} if structure is dict else [level, kind])
    if structure is dict:
        made.set_weights([grid(*v.shape, scale=0.5) for v in made.get_weights()])
    made.compile(optimizers.SGD(0.1), **(options or AS_DICT))
    return made


def check(history: dict[str, list[float]], wanted: dict[str, list[float]] = KERAS) -> None:
    assert list(history) == list(wanted)
    for name, numbers in wanted.items():
        np.testing.assert_allclose(history[name], numbers, rtol=2e-5, err_msg=name)


OPTIONS = {"batch_size": 4, "epochs": 3, "shuffle": False, "verbose": 0}


def test_training_as_in_keras(executor):
    made = model()
    check(made.fit(X, Y, sample_weight=WEIGHTS, validation_data=(X, Y), **OPTIONS).history)
    values = made.evaluate(X, Y, batch_size=4, verbose=0)
    assert made.metrics_names == ["loss", "level_loss", "kind_loss", "kind_accuracy", "level_mae", "level_mse"]
    np.testing.assert_allclose(values, [2.35029, 0.520253, 1.045081, 0.5, 0.571235, 0.520253], rtol=2e-5)
    assert set(made.evaluate(X, Y, verbose=0, return_dict=True)) == set(made.metrics_names)


def batches():
    for i in range(0, 10, 4):
        rows = slice(i, i + 4)
        yield [x[rows] for x in X], {k: y[rows] for k, y in Y.items()}, {k: w[rows] for k, w in WEIGHTS.items()}


class Batches:
    def __iter__(self):
        return batches()


def test_batches_with_structures(executor):
    check(model().fit(Batches(), epochs=3, validation_data=(X, Y), validation_batch_size=4, verbose=0).history)
    made = model()
    whole = made.predict(X, verbose=0)
    parts = made.predict((list(x) for x, _, _ in batches()), verbose=0)
    for name in ("level", "kind"):
        np.testing.assert_allclose(parts[name], whole[name], rtol=1e-5, atol=1e-6)
    with pytest.raises(DataError, match=r"Batch 1 of x.*differs from the first.*y\['level'\] of rank 2"):
        model().fit(iter([(X, Y), (X, Y["level"])]), verbose=0)


def test_lists_do_what_dicts_do():
    by_name, by_place = model(), model(list, **AS_LIST)
    for name in ("shared", "widen", "level", "kind"):  # in another order in the two models
        by_place.get_layer(name).set_weights(by_name.get_layer(name).get_weights())
    lists = [Y["level"], Y["kind"]], [WEIGHTS["level"], WEIGHTS["kind"]]
    wanted = {name: values for name, values in KERAS.items() if not name.startswith("val_")}
    check(by_place.fit(X, lists[0], sample_weight=lists[1], **OPTIONS).history, wanted)


@pytest.mark.parametrize("x", [X, tuple(X), {"b": X[1], "a": X[0]}], ids=["list", "tuple", "dict"])
@pytest.mark.parametrize("y", [Y, [Y["level"], Y["kind"]]], ids=["dict", "list"])
def test_structures_of_data(x, y):
    made = model(list, **AS_DICT)
    found = made.evaluate(x, y, verbose=0, return_dict=True)
    wanted = made.evaluate(X, [Y["level"], Y["kind"]], verbose=0, return_dict=True)
    assert found == pytest.approx(wanted)
    assert made.test_on_batch(x, y, return_dict=True).keys() == found.keys()
    assert [p.shape for p in made.predict(x, verbose=0)] == [(10, 1), (10, 3)]


def test_train_on_batch_and_shuffled_epochs_learn():
    made = model()
    made.reset_metrics()
    first = made.train_on_batch(X, Y, return_dict=True)["loss"]
    history = made.fit(X, Y, epochs=60, verbose=0).history["loss"]
    assert history[-1] < 0.8 * first


def test_validation_split_and_steps():
    made = model()
    history = made.fit(X, Y, validation_split=0.3, steps_per_epoch=2, batch_size=4, epochs=2, verbose=0).history
    assert len(history["val_kind_accuracy"]) == 2


def test_one_loss_or_one_weight_for_all_outputs():
    targets = [grid(10, 1), grid(10, 3)]
    made = model(list, loss="mse", weighted_metrics=[["mse"], ["mse"]])
    found = made.evaluate(X, targets, sample_weight=WEIGHTS["level"], verbose=0, return_dict=True)
    assert list(found) == sorted(["loss", "level_loss", "kind_loss", "level_mse", "kind_mse"])
    assert found["loss"] == pytest.approx(found["level_loss"] + found["kind_loss"], rel=1e-6)
    for target, guess, name in zip(targets, made.predict(X, verbose=0), ("level", "kind")):
        errors = ((target - guess) ** 2).mean(1) * WEIGHTS["level"]
        assert found[f"{name}_loss"] == pytest.approx(errors.mean(), rel=1e-5)


def test_an_output_without_a_loss():
    made = model(list, loss=[None, "sparse_categorical_crossentropy"], metrics=[["mae"], []])
    found = made.evaluate(X, [Y["level"], Y["kind"]], verbose=0, return_dict=True)
    assert list(found) == ["level_mae", "loss"]
    partial = model(loss={"kind": "sparse_categorical_crossentropy"})
    assert partial.evaluate(X, {"kind": Y["kind"]}, verbose=0) == pytest.approx(
        partial.evaluate(X, Y, verbose=0), rel=1e-6
    )


def test_names_of_equal_metrics():
    made = model(list, loss="mse", metrics=[["mae", "mae"], []], weighted_metrics=[["mae"], ["mae"]])
    found = made.evaluate(X, [grid(10, 1), grid(10, 3)], verbose=0, return_dict=True)
    assert {"level_mae", "level_mae_1", "level_weighted_mae", "kind_mae"} < set(found)


def test_a_model_of_ones_own_with_several_outputs():
    class Both(Model):
        def __init__(self):
            super().__init__()
            self.level, self.kind = Dense(1), Dense(3)

        def call(self, inputs):
            return {"level": self.level(inputs[0]), "kind": ops.softmax(self.kind(inputs[1]))}

    made = Both()
    made.compile("sgd", **AS_DICT)
    assert list(made.fit(X, Y, sample_weight=WEIGHTS, verbose=0).history) == [
        name for name in KERAS if not name.startswith("val_")
    ]


def test_a_single_output_takes_data_in_structures():
    x = Input((3,), name="rows")
    made = Model(x, Dense(1, name="out")(x))
    made.compile("sgd", {"out": "mse"}, metrics={"out": ["mae"]})
    wanted = made.evaluate(X[0], Y["level"], verbose=0)
    for rows, target in (({"rows": X[0]}, {"out": Y["level"]}), (X[0], [Y["level"]])):
        assert made.evaluate(rows, target, verbose=0) == pytest.approx(wanted)
    assert list(made.fit(X[0], Y["level"], class_weight=None, verbose=0).history) == ["loss", "mae"]


ERRORS = [
    ({"loss": {"nothing": "mse"}}, {}, ArgumentError, "loss has an entry for 'nothing', which is no output"),
    ({"loss": ["mse"]}, {}, ArgumentError, "loss must have an entry for each of the 2 outputs"),
    ({"loss": "mse", "metrics": ["mae"]}, {}, ArgumentError, r"metrics must have.*for each of the 2 outputs"),
    ({"loss": "mse", "metrics": "mae"}, {}, ArgumentError, r"metrics must be a list of metrics"),
    ({"loss": "mse", "loss_weights": [1, "a"]}, {}, ArgumentError, "loss_weights must have one number for each output"),
    (AS_DICT, {"y": {"level": Y["level"], "kind": Y["kind"] + 5}}, DataError, r"y\['kind'\] holds the label 5"),
    ({"loss": AS_DICT["loss"]}, {"y": {"level": Y["level"]}}, DataError, r"no `y\['kind'\]` was given"),
    (AS_DICT, {"y": {"level": Y["level"]}}, DataError, r"metrics, but there are no targets `y\['kind'\]`"),
    (AS_DICT, {"y": Y["level"]}, DataError, r"y must have an entry for each of the 2 outputs \(kind, level\)"),
    (AS_DICT, {"y": {"level": Y["level"][:3], "kind": Y["kind"]}}, DataError, r"y\['level'\] has 3"),
    (AS_DICT, {"x": X[:1]}, DataError, "takes 2 inputs: 'a', 'b'"),
    (AS_DICT, {"sample_weight": {"other": WEIGHTS["kind"]}}, DataError, "entry for 'other', which is no output"),
    (AS_DICT, {"class_weight": {0: 2.0}}, ArgumentError, "class_weight goes with one output only"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "data", "error", "message"), ERRORS, ids=range(len(ERRORS)))
def test_errors_leave_the_model_as_it_was(options, data, error, message):
    with pytest.raises(error, match=message):
        made = model(**options)
        before = made.get_weights()
        try:
            made.fit(**({"x": X, "y": Y, "verbose": 0} | data))
        finally:
            for a, b in zip(before, made.get_weights()):
                np.testing.assert_array_equal(a, b)


def test_lists_of_rows_are_rows_for_a_sequential_model():
    made = Sequential([Input((3,)), Dense(1)])
    made.compile("sgd", "mse")
    history = made.fit(list(X[0]), list(Y["level"]), batch_size=10, shuffle=False, verbose=0).history["loss"]
    assert np.isfinite(history[0])
