"""Writes what Keras' layers for sequences give: attention, embeddings, equations. Shapes, configs, values, gradients.

Run by hand from the root of the repository where Keras 3 with JAX is installed, and commit what changes:

    KERAS_BACKEND=jax python -m tests.golden.make_keras_sequences
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax
import keras
import numpy as np

from tests.golden.digests import digest, fill
from tests.golden.sequence_inputs import named

HERE = Path(__file__).parent
SCORES = {"return_attention_scores": True}
CAUSAL = {"use_causal_mask": True}

Case = tuple[str, dict[str, Any], list[Any], dict[str, Any]]

CASES: list[Case] = [
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 4}, ["x", "x"], {}),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 4, "value_dim": 3, "output_shape": 5}, ["x", "z", "k"], SCORES),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 4}, ["x", "z"], {"attention_mask": "allowed"}),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 4}, ["x", "z"], {"attention_mask": "allowed", **SCORES}),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 4}, ["x", "z"], {"attention_mask": "allowed_by_head"}),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 4}, ["x", "z"], {"value_mask": "z_mask"}),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 4, "use_bias": False}, ["x", "x"], CAUSAL),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 4}, ["x", "x"], CAUSAL | SCORES),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 4, "sliding_window": 2}, ["x", "x"], CAUSAL),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 4, "sliding_window": 3}, ["x", "z"], {}),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 4, "use_gate": True}, ["x", "x"], {}),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 4, "dropout": 0.3}, ["x", "z"], {"value_mask": "z_mask"}),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 4, "attention_axes": [2]}, ["image", "image"], {}),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 4, "output_shape": [3]}, ["image", "image"], {}),
    ("GroupQueryAttention", {"head_dim": 4, "num_query_heads": 4, "num_key_value_heads": 2}, ["x", "x"], {}),
    ("GroupQueryAttention", {"head_dim": 4, "num_query_heads": 4, "num_key_value_heads": 1}, ["x", "k"],
     {"attention_mask": "allowed"}),
    ("GroupQueryAttention", {"head_dim": 4, "num_query_heads": 6, "num_key_value_heads": 2}, ["x", "x"],
     CAUSAL | SCORES),
    ("GroupQueryAttention", {"head_dim": 4, "num_query_heads": 4, "num_key_value_heads": 4, "use_gate": True,
                             "sliding_window": 2, "use_bias": False}, ["x", "x"], CAUSAL),
    ("Attention", {}, [["x", "k"]], {"mask": ["x_mask", "z_mask"]}),
    ("Attention", {"use_scale": True}, [["x", "z", "k"]], SCORES),
    ("Attention", {"use_scale": True, "score_mode": "concat"}, [["x", "z", "k"]], {"mask": [None, "z_mask"], **SCORES}),
    ("Attention", {"dropout": 0.2, "seed": 1}, [["x", "x"]], {"mask": ["x_mask", "x_mask"], **CAUSAL}),
    ("AdditiveAttention", {}, [["x", "z", "k"]], {"mask": ["x_mask", "z_mask"], **SCORES}),
    ("AdditiveAttention", {"use_scale": False}, [["x", "z", "k"]], CAUSAL),
    ("Embedding", {"input_dim": 6, "output_dim": 3}, ["ids"], {}),
    ("Embedding", {"input_dim": 6, "output_dim": 3, "mask_zero": True}, ["float_ids"], {}),
    ("ReversibleEmbedding", {"input_dim": 6, "output_dim": 3, "tie_weights": False}, ["ids"], {}),
    ("ReversibleEmbedding", {"input_dim": 6, "output_dim": 8, "logit_soft_cap": 1.5}, ["x"], {"reverse": True}),
    ("Masking", {"mask_value": 2.0}, ["with_padding"], {}),
    ("EinsumDense", {"equation": "abc,cd->abd", "output_shape": [None, 6], "bias_axes": "d", "activation": "relu"},
     ["x"], {}),
    ("EinsumDense", {"equation": "...x,xy->...y", "output_shape": 6, "bias_axes": "y"}, ["image"], {}),
    ("EinsumDense", {"equation": "ab...,bc->ac...", "output_shape": 6, "bias_axes": "c"}, ["x"], {}),
    ("EinsumDense", {"equation": "abc,cde->abde", "output_shape": [None, 3, 2], "bias_axes": "d"}, ["x"], {}),
    ("EinsumDense", {"equation": "abc,bde->acde", "output_shape": [8, 3, 2], "bias_axes": "ce"}, ["x"], {}),
]  # fmt: skip


def short(value: Any) -> Any:
    """Serialized initializers by name; all else as it is."""
    return value["class_name"] if isinstance(value, dict) else value


def floats(value: Any) -> list[np.ndarray]:
    """The float arrays in nested lists, in order."""
    if isinstance(value, list):
        return [array for item in value for array in floats(item)]
    return [value] if value.dtype.kind == "f" else []


def refilled(value: Any, arrays: list[Any]) -> Any:
    """The nested lists with other float arrays, which are taken from the front of a list."""
    if isinstance(value, list):
        return [refilled(item, arrays) for item in value]
    return arrays.pop(0) if value.dtype.kind == "f" else value


def record(case: Case) -> dict[str, Any]:
    name, config, args, options = case
    layer = getattr(keras.layers, name)(**config)
    given, extra = named(args), named(options)
    layer(*given, **extra)
    weights = [fill(w.shape, 1.0 + i) for i, w in enumerate(layer.weights)]
    layer.set_weights(weights)
    others = [v.value for v in layer.non_trainable_variables]

    def loss(weights: list[Any], arrays: list[Any]) -> tuple[Any, Any]:
        outputs, _ = layer.stateless_call(weights, others, *refilled(given, list(arrays)), **extra)
        outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        return sum((y * fill(y.shape, 9.0 + i)).sum() for i, y in enumerate(outputs)), outputs

    (_, outputs), gradients = jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)(weights, floats(given))
    settings = {k: short(v) for k, v in layer.get_config().items() if k not in ("name", "trainable", "dtype")}
    for unused in ("quantization_config", "activity_regularizer"):
        settings.pop(unused, None)
    return {
        "name": name,
        "config": config,
        "args": args,
        "options": options,
        "output": [y.shape for y in outputs],
        "weights": [[w.path.split("/", 1)[1], list(w.shape)] for w in layer.weights],
        "settings": settings,
        "value": [digest(y) for y in outputs],
        "gradients": [digest(g) for part in gradients for g in part],
    }


def main() -> None:
    with jax.default_matmul_precision("highest"):
        records = [record(case) for case in CASES]
    for item in records:
        for part in ("value", "gradients"):
            item[part] = [[float(f"{n:.7g}") for n in row] for row in item[part]]
    lines = ",\n".join(json.dumps(item, default=lambda v: np.asarray(v).tolist()) for item in records)
    (HERE / "keras_sequences.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
