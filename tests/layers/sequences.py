"""What the tests of layers for sequences share: Keras' results, and how to compare with them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from lamina import layers, ops
from lamina.base import trees
from lamina.tensor import GradientTape, Variable
from tests.golden.digests import digest, fill
from tests.golden.reference import HERE, run_traced
from tests.golden.sequence_inputs import named, shapes
from tests.layers.spatial import assert_digest

Case = dict[str, Any]

KERAS: list[Case] = json.loads((HERE / "keras_sequences.json").read_text())


def cases(*names: str) -> list[Case]:
    """Keras' results for some layers."""
    return [case for case in KERAS if case["name"] in names]


def label(case: Case) -> str:
    config = [f"{k}={v}" for k, v in case["config"].items()]
    return "-".join([case["name"], *config, *case["options"]])


def built(case: Case) -> layers.Layer:
    """The layer of a case, with the weights that Keras' layer had."""
    layer = getattr(layers, case["name"])(**case["config"])
    layer(*named(case["args"]), **named(case["options"]))
    layer.set_weights([fill(w.shape, 1.0 + i) for i, w in enumerate(layer.weights)])
    return layer


def check_description(case: Case) -> None:
    """Weights, shapes and config are those of Keras' layer."""
    layer = built(case)
    paths = [
        "/".join(w.path.split("/")[-len(name.split("/")) :]) for w, (name, _) in zip(layer.weights, case["weights"])
    ]
    assert [[path, list(w.shape)] for path, w in zip(paths, layer.weights)] == case["weights"]
    given = shapes(named(case["args"]))
    reverse = {"reverse": True} if "reverse" in case["options"] else {}
    assert layer.compute_output_shape(*given, **reverse) == tuple(case["output"][0])
    settings = layer.get_config()
    for name, value in case["settings"].items():
        found = settings.get(name)
        assert json.loads(json.dumps(found["class_name"] if isinstance(found, dict) else found)) == value, name
    again = layers.deserialize(json.loads(json.dumps(layers.serialize(layer))))
    assert again.get_config() == settings


def check_values(case: Case) -> None:
    """Values and gradients are those of Keras' layer."""
    layer = built(case)
    args = trees.map_structure(lambda a: Variable(a) if a.dtype.kind == "f" else a, named(case["args"]))
    variables = [a for a in trees.flatten(args) if isinstance(a, Variable)]
    with GradientTape() as tape:
        outputs = trees.flatten(layer(*args, **named(case["options"])))
        loss = sum(ops.sum(y * fill(y.shape, 9.0 + i)) for i, y in enumerate(outputs))
    assert [list(y.shape) for y in outputs] == case["output"]
    for y, expected in zip(outputs, case["value"], strict=True):
        assert_digest(y, expected)
    gradients = tape.gradient(loss, [*layer.weights, *variables])
    largest = max(1.0, np.abs(case["gradients"]).max())
    for gradient, expected in zip(gradients, case["gradients"], strict=True):
        found = [0.0] * 3 if gradient is None else digest(np.asarray(gradient))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * largest)


def check_traced(case: Case) -> None:
    """A program for batches of any size gives the same values."""
    layer = built(case)
    given = (case["args"], case["options"])
    arrays = [a for a in trees.flatten(named(list(given))) if isinstance(a, np.ndarray)]

    def call(*tensors: Any) -> Any:
        remaining = list(tensors)

        def filled(value: Any) -> Any:
            if isinstance(value, list):
                return [filled(item) for item in value]
            if isinstance(value, dict):
                return {key: filled(value[key]) for key in sorted(value)}
            return remaining.pop(0) if isinstance(named(value), np.ndarray) else value

        args = filled(given[0])
        return layer(*args, **filled(given[1]))

    for y, shape, expected in zip(run_traced(call, *arrays), case["output"], case["value"], strict=True):
        assert list(y.shape) == shape
        assert_digest(y, expected)
