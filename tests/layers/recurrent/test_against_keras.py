"""Recurrent layers give what Keras' give: shapes, weights, configs, values and gradients."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lamina import layers, ops
from lamina.base import trees
from lamina.tensor import GradientTape, Variable
from tests.golden.digests import digest, fill
from tests.golden.reference import run_traced
from tests.layers.recurrent.made import made, named
from tests.layers.spatial import assert_digest

Case = dict[str, Any]

KERAS: list[Case] = json.loads((Path(__file__).parent / "keras.json").read_text())


def label(case: Case) -> str:
    def text(value: Any) -> str:
        if isinstance(value, dict):
            return "-".join([value.get("class", ""), *(f"{k}={text(v)}" for k, v in value.items() if k != "class")])
        return "+".join(map(text, value)) if isinstance(value, list) else str(value)

    return "-".join([text(case["layer"]), case["x"], *case["options"]])


def built(case: Case) -> Any:
    """The layer of a case, with the weights that Keras' layer had."""
    layer = made(layers, case["layer"])
    layer(named(case["x"]), **named(case["options"]))
    layer.set_weights([fill(w.shape, 1.0 + i) for i, w in enumerate(layer.weights)])
    return layer


@pytest.mark.parametrize("case", KERAS, ids=label)
def test_description(case: Case) -> None:
    layer = built(case)
    assert [[w.name, list(w.shape)] for w in layer.weights] == case["weights"]
    x = named(case["x"])
    assert json.loads(json.dumps(layer.compute_output_shape(x.shape))) == case["shape"]
    settings = layer.get_config()
    for name, value in case["settings"].items():
        found = settings[name]
        assert json.loads(json.dumps(found["class_name"] if isinstance(found, dict) else found)) == value, name
    again = layers.deserialize(json.loads(json.dumps(layers.serialize(layer))))
    assert json.dumps(again.get_config()) == json.dumps(settings)


@pytest.mark.parametrize("case", KERAS, ids=label)
def test_values_and_gradients(case: Case) -> None:
    layer = built(case)
    options = named(case["options"])
    x = Variable(named(case["x"]))
    states = trees.map_structure(Variable, options.pop("initial_state", None))
    with GradientTape() as tape:
        outputs = trees.flatten(layer(x, initial_state=states, **options))
        loss = sum(ops.sum(y * fill(y.shape, 9.0 + i)) for i, y in enumerate(outputs))
    assert [list(y.shape) for y in outputs] == case["output"]
    for y, expected in zip(outputs, case["value"], strict=True):
        assert_digest(y, expected)
    gradients = tape.gradient(loss, [*layer.weights, x, *trees.flatten(states)])
    largest = max(1.0, np.abs(case["gradients"]).max())
    for gradient, expected in zip(gradients, case["gradients"], strict=True):
        found = [0.0] * 3 if gradient is None else digest(np.asarray(gradient))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-5 * largest)


@pytest.mark.parametrize("case", KERAS, ids=label)
def test_compiled_for_any_batch(case: Case) -> None:
    layer, options = built(case), named(case["options"])
    states, mask = options.get("initial_state"), options.get("mask")
    given = [named(case["x"]), *trees.flatten(states), *([] if mask is None else [mask])]

    def call(x: Any, *others: Any) -> Any:
        count = len(trees.flatten(states))
        begin = None if states is None else trees.unflatten(states, list(others[:count]))
        return layer(x, initial_state=begin, mask=others[count] if mask is not None else None)

    for y, expected in zip(run_traced(call, *given), case["value"], strict=True):
        assert_digest(y, expected)
