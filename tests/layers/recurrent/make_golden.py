"""Writes what Keras' recurrent layers give: shapes, configs, values, gradients.

Run by hand from the root of the repository where Keras 3 with JAX is installed, and commit what changes:

    KERAS_BACKEND=jax python -m tests.layers.recurrent.make_golden
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax
import keras
import numpy as np

from tests.golden.digests import digest, fill
from tests.layers.recurrent.made import made, named

HERE = Path(__file__).parent
ALL = {"return_sequences": True}
STATE = {"return_state": True}
BACK = {"go_backwards": True}

Case = tuple[dict[str, Any], str, dict[str, Any]]


def _of(name: str, **config: Any) -> dict[str, Any]:
    return {"class": name, **config}


def _lstm(**config: Any) -> dict[str, Any]:
    return _of("LSTM", units=3, **config)


def _both(layer: dict[str, Any], **config: Any) -> dict[str, Any]:
    return _of("Bidirectional", layer=layer, **config)


def _film(**config: Any) -> dict[str, Any]:
    return _of("ConvLSTM2D", filters=3, kernel_size=3, **config)


def _plain(name: str) -> list[Case]:
    """The options that all three plain layers have."""
    states = ["h", "c"] if name == "LSTM" else ["h"]
    return [
        (_of(name, units=3), "x", {}),
        (_of(name, units=3), "one_step", {}),
        (_of(name, units=1, **ALL, **STATE), "one_sample", {}),
        (_of(name, units=3, **ALL), "x", {}),
        (_of(name, units=3, **ALL, **STATE, **BACK), "x", {}),
        (_of(name, units=3, **BACK, use_bias=False), "x", {}),
        (_of(name, units=3, activation="relu", **STATE), "x", {"initial_state": states}),
        (_of(name, units=3, **ALL), "x", {"initial_state": states, "mask": "left"}),
        (_of(name, units=3), "x", {"mask": "right"}),
        (_of(name, units=3, **ALL, **STATE), "x", {"mask": "right"}),
        (_of(name, units=3, **ALL, **STATE), "x", {"mask": "holes"}),
        (_of(name, units=3, **ALL, **STATE, **BACK), "x", {"mask": "holes"}),
        (_of(name, units=3, **ALL, zero_output_for_mask=True), "x", {"mask": "holes"}),
        (_of(name, units=3, **STATE, zero_output_for_mask=True), "x", {"mask": "right"}),
        (_of(name, units=3, **ALL, **STATE), "x", {"mask": "none"}),
    ]


CASES: list[Case] = [
    *_plain("SimpleRNN"),
    *_plain("LSTM"),
    *_plain("GRU"),
    (_lstm(recurrent_activation="hard_sigmoid", unit_forget_bias=False), "x", {}),
    (_lstm(implementation=1, dropout=0.5, recurrent_dropout=0.5), "x", {}),
    (_lstm(kernel_initializer="he_normal", bias_regularizer="l2", recurrent_constraint="max_norm"), "x", {}),
    (_of("GRU", units=3, reset_after=False, **ALL, **STATE), "x", {}),
    (_of("GRU", units=3, reset_after=False, use_bias=False), "x", {"mask": "right"}),
    (_of("GRU", units=3, use_bias=False, recurrent_activation="hard_sigmoid"), "x", {}),
    (_of("RNN", cell=_of("GRUCell", units=3), **ALL), "x", {}),
    (_of("RNN", cell=_of("LSTMCell", units=3), **STATE), "x", {"mask": "holes"}),
    (_of("RNN", cell=[_of("LSTMCell", units=3), _of("GRUCell", units=2)], **ALL, **STATE), "x", {}),
    (_of("RNN", cell=[_of("LSTMCell", units=3), _of("GRUCell", units=2)], **STATE), "x",
     {"initial_state": [["h", "c"], ["g"]]}),
    (_of("RNN", cell=[_of("GRUCell", units=2), _of("LSTMCell", units=3)], **ALL, **BACK), "x", {"mask": "holes"}),
    (_of("RNN", cell=_of("StackedRNNCells", cells=[_of("SimpleRNNCell", units=2)] * 2)), "x", {"mask": "right"}),
    (_both(_lstm()), "x", {}),
    (_both(_lstm(**ALL)), "x", {}),
    (_both(_lstm(**ALL), merge_mode="sum"), "x", {"mask": "right"}),
    (_both(_lstm(**ALL), merge_mode="ave"), "x", {"mask": "holes"}),
    (_both(_of("GRU", units=3), merge_mode="mul"), "x", {"mask": "right"}),
    (_both(_lstm(**ALL), merge_mode=None), "x", {}),
    (_both(_lstm(**STATE), merge_mode=None), "x", {}),
    (_both(_lstm(**ALL, **STATE)), "x", {"initial_state": ["h", "c", "h2", "c2"]}),
    (_both(_of("GRU", units=3, **STATE)), "x", {"initial_state": ["h", "c"]}),
    (_both(_lstm(**ALL), backward_layer=_lstm(**ALL, **BACK, activation="relu")), "x", {}),
    (_both(_of("RNN", cell=[_of("LSTMCell", units=3), _of("GRUCell", units=2)], **ALL)), "x", {}),
    (_of("ConvLSTM1D", filters=3, kernel_size=3), "line", {}),
    (_of("ConvLSTM1D", filters=2, kernel_size=2, dilation_rate=2, **ALL, **STATE), "line", {}),
    (_film(padding="same"), "film", {}),
    (_film(padding="same", **ALL, **BACK, use_bias=False), "film", {}),
    (_film(strides=2, **STATE, unit_forget_bias=False), "film", {}),
    (_film(padding="same", **STATE), "film", {"initial_state": ["film_h", "film_c"]}),
    (_film(padding="same", data_format="channels_first", **ALL), "film_first", {}),
    (_of("ConvLSTM3D", filters=2, kernel_size=[2, 1, 3]), "solid", {}),
    (_both(_film(padding="same", **ALL)), "film", {}),
]  # fmt: skip


def short(value: Any) -> Any:
    """Serialized objects by name; all else as it is."""
    return value["class_name"] if isinstance(value, dict) else value


def record(case: Case) -> dict[str, Any]:
    spec, inputs, options = case
    layer = made(keras.layers, spec)
    x, extra = named(inputs), named(options)
    states, mask = extra.pop("initial_state", None), extra.get("mask")
    layer.build(x.shape)
    weights = [fill(w.shape, 1.0 + i) for i, w in enumerate(layer.weights)]
    layer.set_weights(weights)
    others = [v.value for v in layer.non_trainable_variables]

    def loss(weights: list[Any], x: Any, states: Any) -> tuple[Any, Any]:
        outputs, _ = layer.stateless_call(weights, others, x, initial_state=states, mask=mask)
        outputs = keras.tree.flatten(outputs)
        return sum((y * fill(y.shape, 9.0 + i)).sum() for i, y in enumerate(outputs)), outputs

    slopes = jax.jit(jax.value_and_grad(loss, argnums=(0, 1, 2), has_aux=True))
    (_, outputs), gradients = slopes(weights, x, states)
    settings = {k: short(v) for k, v in layer.get_config().items() if k not in ("name", "trainable", "dtype")}
    return {
        "layer": spec,
        "x": inputs,
        "options": options,
        "shape": layer.compute_output_shape(x.shape),
        "output": [y.shape for y in outputs],
        "weights": [[w.path.split("/")[-1], list(w.shape)] for w in layer.weights],
        "settings": settings,
        "value": [digest(y) for y in outputs],
        "gradients": [digest(g) for g in jax.tree_util.tree_leaves(gradients)],
    }


def main() -> None:
    records = []
    with jax.default_matmul_precision("highest"):
        for case in CASES:
            records.append(record(case))
            print(len(records), "of", len(CASES), flush=True)
    for item in records:
        for part in ("value", "gradients"):
            item[part] = [[float(f"{n:.7g}") for n in row] for row in item[part]]
    lines = ",\n".join(json.dumps(item, default=lambda v: np.asarray(v).tolist()) for item in records)
    (HERE / "keras.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
