"""What the tests of layers over time, images and volumes share: Keras' results, and how to compare with them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import layers, models, ops
from lamina.base.config import config
from lamina.layers import convolutional, padding, pooling
from lamina.tensor import GradientTape, Variable
from tests.golden.digests import digest, fill
from tests.golden.reference import HERE, run_traced

Case = dict[str, Any]

KERAS: list[Case] = json.loads((HERE / "keras_spatial.json").read_text())


def of_package(package: Any) -> list[Case]:
    """Keras' results for the layers of a package."""
    return [case for case in KERAS if hasattr(package, case["name"])]


def label(case: Case) -> str:
    return "-".join([case["name"], *(f"{k}={v}" for k, v in case["config"].items())])


def make(kind_name: str, **arguments: Any) -> layers.Layer:
    """A layer of any of the packages, by the name of its class."""
    kind = next(getattr(p, kind_name) for p in (convolutional, pooling, padding) if hasattr(p, kind_name))
    return kind(**arguments)


def built(case: Case) -> layers.Layer:
    """The layer of a case, with the weights that Keras' layer had."""
    layer = make(case["name"], **case["config"])
    layer.build(tuple(case["input"]))
    layer.set_weights([fill(w.shape, 1.0 + i) for i, w in enumerate(layer.weights)])
    return layer


def assert_digest(array: Any, expected: Sequence[float]) -> None:
    """That an array sums up to these numbers, as exactly as sums of its float32 numbers can."""
    values = np.asarray(array, "float64")
    np.testing.assert_allclose(digest(values), expected, rtol=1e-5, atol=2e-6 * max(1.0, np.abs(values).sum()))


def check_description(case: Case) -> None:
    """Weights, shapes and config are those of Keras' layer."""
    layer = built(case)
    assert {w.name: list(w.shape) for w in layer.weights} == case["weights"]
    assert layer.compute_output_shape(tuple(case["input"])) == tuple(case["output"])
    assert layer.compute_output_shape((None, *case["input"][1:])) == tuple(case["any_batch"])
    settings = layer.get_config()
    for name, value in case["settings"].items():
        found = settings.get(name)
        assert json.loads(json.dumps(found["class_name"] if isinstance(found, dict) else found)) == value, name
    again = type(layer).from_config(json.loads(json.dumps(settings)))
    assert again.get_config() == settings


def check_values(case: Case) -> None:
    """Value and gradients are those of Keras' layer."""
    layer = built(case)
    x = Variable(fill(case["input"], 0.4))
    with GradientTape() as tape:
        y = layer(x)
        loss = ops.sum(y * fill(y.shape, 9.0))
    assert tuple(y.shape) == tuple(case["output"])
    assert_digest(y, case["value"])
    gradients = tape.gradient(loss, [x, *layer.weights])
    for gradient, expected in zip(gradients, case["gradients"], strict=True):
        assert_digest(gradient, expected)


def check_traced(case: Case) -> None:
    """A program for batches of any size gives the same value."""
    (y,) = run_traced(built(case), fill(case["input"], 0.4))
    assert y.shape == tuple(case["output"])
    assert_digest(y, case["value"])


def check_fit(case: Case) -> None:
    """Training with the layer, compiled, changes weights as training in the interpreter does."""
    shape = case["input"][1:]
    x, y = fill((5, *shape), 0.2), fill((5, 1), 0.7)
    trained = []
    for interpret in (True, False):
        config.interpret = interpret
        layer = make(case["name"], **case["config"])
        model = models.Sequential([layers.Input(shape), layer, layers.Flatten(), layers.Dense(1)])
        model.set_weights([0.3 * fill(w.shape, 1.0 + i) for i, w in enumerate(model.weights)])
        model.compile("sgd", loss="mean_squared_error")
        history = model.fit(x, y, batch_size=3, epochs=2, shuffle=False, verbose=0)
        trained.append([np.array(history.history["loss"]), *model.get_weights(), model.predict(x, verbose=0)])
    for interpreted, compiled in zip(*trained, strict=True):
        assert np.isfinite(interpreted).all()
        np.testing.assert_allclose(compiled, interpreted, rtol=2e-4, atol=2e-5)


def one_of_each(cases: Sequence[Case]) -> list[Case]:
    """The last case of every layer in the default layout: those have the most arguments."""
    return list({case["name"]: case for case in cases if "data_format" not in case["config"]}.values())
