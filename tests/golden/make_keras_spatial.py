"""Writes what Keras' layers over time, images and volumes give: shapes, configs, values and gradients.

Run by hand where Keras 3 with JAX is installed, and commit what changes:

    KERAS_BACKEND=jax python tests/golden/make_keras_spatial.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax
import keras
import numpy as np
from digests import digest, fill

HERE = Path(__file__).parent
FIRST = {"data_format": "channels_first"}

Case = tuple[str, dict[str, Any], tuple[int, ...]]

CONVOLUTIONS: list[Case] = [
    ("Conv1D", {"filters": 4, "kernel_size": 3}, (2, 7, 3)),
    ("Conv1D", {"filters": 4, "kernel_size": 3, "padding": "same", "strides": 2}, (2, 8, 3)),
    ("Conv1D", {"filters": 4, "kernel_size": 3, "padding": "causal", "dilation_rate": 2}, (2, 8, 3)),
    ("Conv1D", {"filters": 2, "kernel_size": 4, "padding": "causal", "strides": 3}, (1, 8, 3)),
    ("Conv1D", {"filters": 4, "kernel_size": 3, "padding": "causal", **FIRST}, (2, 3, 6)),
    ("Conv1D", {"filters": 4, "kernel_size": 2, "groups": 2, "use_bias": False}, (2, 7, 6)),
    ("Conv2D", {"filters": 4, "kernel_size": 3}, (2, 6, 7, 3)),
    ("Conv2D", {"filters": 4, "kernel_size": (2, 3), "activation": "relu"}, (2, 6, 7, 3)),
    ("Conv2D", {"filters": 3, "kernel_size": 3, "padding": "same"}, (2, 5, 6, 2)),
    ("Conv2D", {"filters": 3, "kernel_size": 3, "padding": "SAME", "strides": 2}, (2, 6, 7, 2)),
    ("Conv2D", {"filters": 3, "kernel_size": 2, "padding": "same", "strides": (2, 1)}, (2, 5, 5, 2)),
    ("Conv2D", {"filters": 3, "kernel_size": 4, "padding": "same"}, (2, 5, 5, 2)),
    ("Conv2D", {"filters": 3, "kernel_size": 1, "strides": 2}, (2, 5, 5, 2)),
    ("Conv2D", {"filters": 3, "kernel_size": 7, "strides": 4, "padding": "same"}, (1, 9, 9, 2)),
    ("Conv2D", {"filters": 3, "kernel_size": 3, "dilation_rate": (2, 1)}, (2, 7, 6, 2)),
    ("Conv2D", {"filters": 3, "kernel_size": 3, "dilation_rate": 2, "padding": "same"}, (2, 7, 6, 2)),
    ("Conv2D", {"filters": 6, "kernel_size": 3, "groups": 2}, (2, 6, 5, 4)),
    ("Conv2D", {"filters": 8, "kernel_size": 3, "groups": 4, "padding": "same", "strides": 2}, (2, 6, 5, 4)),
    ("Conv2D", {"filters": 3, "kernel_size": 3, "padding": "same", "strides": 2, **FIRST}, (2, 2, 6, 7)),
    ("Conv2D", {"filters": 4, "kernel_size": 3, "groups": 2, "activation": "tanh", **FIRST}, (2, 4, 6, 7)),
    ("Conv3D", {"filters": 3, "kernel_size": 2}, (2, 4, 3, 5, 2)),
    ("Conv3D", {"filters": 3, "kernel_size": (1, 2, 3), "padding": "same", "strides": (1, 2, 2)}, (1, 4, 5, 6, 2)),
    ("Conv3D", {"filters": 4, "kernel_size": 2, "groups": 2, **FIRST}, (1, 2, 4, 3, 5)),
]
TRANSPOSED: list[Case] = [
    ("Conv1DTranspose", {"filters": 3, "kernel_size": 3}, (2, 5, 2)),
    ("Conv1DTranspose", {"filters": 3, "kernel_size": 2, "strides": 3}, (2, 4, 2)),
    ("Conv1DTranspose", {"filters": 3, "kernel_size": 5, "strides": 2, "padding": "same"}, (2, 4, 2)),
    ("Conv1DTranspose", {"filters": 3, "kernel_size": 3, "dilation_rate": 2, "padding": "same"}, (2, 6, 2)),
    ("Conv1DTranspose", {"filters": 3, "kernel_size": 3, "strides": 2, **FIRST}, (2, 2, 5)),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 3}, (2, 4, 5, 2)),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 3, "strides": 2}, (2, 4, 5, 2)),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same"}, (2, 4, 5, 2)),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 2, "strides": 2, "padding": "same"}, (2, 4, 5, 2)),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 4, "strides": 2, "padding": "same"}, (2, 4, 5, 2)),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 4, "padding": "same"}, (2, 4, 5, 2)),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 1, "strides": 2, "padding": "same"}, (2, 3, 3, 2)),
    ("Conv2DTranspose", {"filters": 2, "kernel_size": 3, "strides": 2, "output_padding": 1}, (1, 3, 4, 2)),
    ("Conv2DTranspose", {"filters": 2, "kernel_size": 3, "strides": 2, "output_padding": 1, "padding": "same"},
     (1, 3, 4, 2)),
    ("Conv2DTranspose", {"filters": 2, "kernel_size": 4, "strides": 3, "output_padding": (0, 2), "padding": "same"},
     (1, 3, 4, 2)),
    ("Conv2DTranspose", {"filters": 2, "kernel_size": 3, "strides": (2, 3), "padding": "same", **FIRST}, (1, 2, 3, 4)),
    ("Conv2DTranspose", {"filters": 2, "kernel_size": 3, "dilation_rate": 2}, (1, 4, 4, 2)),
    ("Conv3DTranspose", {"filters": 2, "kernel_size": 2, "strides": 2}, (1, 2, 3, 2, 2)),
    ("Conv3DTranspose", {"filters": 2, "kernel_size": 3, "strides": (1, 2, 2), "padding": "same"}, (1, 2, 3, 2, 2)),
]  # fmt: skip
DEPTHWISE: list[Case] = [
    ("DepthwiseConv1D", {"kernel_size": 3}, (2, 6, 3)),
    ("DepthwiseConv1D", {"kernel_size": 3, "depth_multiplier": 2, "padding": "same", "strides": 2}, (2, 6, 3)),
    ("DepthwiseConv1D", {"kernel_size": 3, "dilation_rate": 2, **FIRST}, (2, 3, 6)),
    ("DepthwiseConv2D", {"kernel_size": 3}, (2, 5, 6, 3)),
    ("DepthwiseConv2D", {"kernel_size": (2, 3), "depth_multiplier": 2, "activation": "relu"}, (2, 5, 6, 3)),
    ("DepthwiseConv2D", {"kernel_size": 3, "padding": "same", "strides": 2}, (2, 6, 7, 3)),
    ("DepthwiseConv2D", {"kernel_size": 3, "padding": "same", "dilation_rate": 2}, (2, 6, 7, 3)),
    ("DepthwiseConv2D", {"kernel_size": 3, "depth_multiplier": 2, "padding": "same", **FIRST}, (2, 3, 5, 6)),
    ("SeparableConv1D", {"filters": 4, "kernel_size": 3}, (2, 6, 3)),
    ("SeparableConv1D", {"filters": 4, "kernel_size": 3, "depth_multiplier": 2, "padding": "same", **FIRST}, (2, 3, 6)),
    ("SeparableConv2D", {"filters": 4, "kernel_size": 3}, (2, 5, 6, 3)),
    ("SeparableConv2D", {"filters": 4, "kernel_size": 3, "padding": "same", "strides": 2, "activation": "tanh"},
     (2, 5, 6, 3)),
    ("SeparableConv2D", {"filters": 4, "kernel_size": 2, "depth_multiplier": 2, "use_bias": False}, (2, 5, 6, 3)),
    ("SeparableConv2D", {"filters": 4, "kernel_size": 3, "padding": "same", **FIRST}, (2, 3, 5, 6)),
]  # fmt: skip


def window_pooling() -> list[Case]:
    cases: list[Case] = []
    for kind in ("MaxPooling", "AveragePooling"):
        cases += [
            (f"{kind}1D", {"pool_size": 2}, (2, 7, 3)),
            (f"{kind}1D", {"pool_size": 3, "strides": 2, "padding": "same"}, (2, 8, 3)),
            (f"{kind}1D", {"pool_size": 2, **FIRST}, (2, 3, 7)),
            (f"{kind}2D", {"pool_size": 2}, (2, 6, 7, 3)),
            (f"{kind}2D", {"pool_size": (3, 2), "strides": (2, 3)}, (2, 7, 8, 3)),
            (f"{kind}2D", {"pool_size": 2, "padding": "same"}, (2, 5, 7, 3)),
            (f"{kind}2D", {"pool_size": 3, "strides": 2, "padding": "same"}, (2, 6, 7, 3)),
            (f"{kind}2D", {"pool_size": 3, "strides": 1, "padding": "same"}, (2, 4, 5, 3)),
            (f"{kind}2D", {"pool_size": 3, "strides": 2, "padding": "same", **FIRST}, (2, 3, 6, 7)),
            (f"{kind}3D", {"pool_size": 2}, (1, 4, 5, 4, 2)),
            (f"{kind}3D", {"pool_size": (1, 2, 3), "strides": 2, "padding": "same"}, (1, 3, 4, 5, 2)),
        ]
    return cases


def whole_pooling() -> list[Case]:
    cases: list[Case] = []
    for kind in ("GlobalMaxPooling", "GlobalAveragePooling"):
        for rank, shape in ((1, (2, 5, 3)), (2, (2, 4, 5, 3)), (3, (2, 2, 3, 4, 3))):
            cases.append((f"{kind}{rank}D", {}, shape))
            cases.append((f"{kind}{rank}D", {"keepdims": True, **FIRST}, shape))
    for kind in ("AdaptiveMaxPooling", "AdaptiveAveragePooling"):
        cases += [
            (f"{kind}1D", {"output_size": 3}, (2, 7, 2)),
            (f"{kind}1D", {"output_size": 4, **FIRST}, (2, 2, 8)),
            (f"{kind}2D", {"output_size": 2}, (2, 4, 6, 2)),
            (f"{kind}2D", {"output_size": (3, 4)}, (2, 7, 6, 2)),
            (f"{kind}2D", {"output_size": (3, 1), **FIRST}, (2, 2, 8, 5)),
            (f"{kind}3D", {"output_size": (1, 2, 3)}, (1, 4, 5, 7, 2)),
        ]
    return cases


EDGES: list[Case] = [
    ("ZeroPadding1D", {}, (2, 3, 2)),
    ("ZeroPadding1D", {"padding": (2, 0), **FIRST}, (2, 2, 3)),
    ("ZeroPadding2D", {}, (2, 3, 4, 2)),
    ("ZeroPadding2D", {"padding": (1, 2)}, (2, 3, 4, 2)),
    ("ZeroPadding2D", {"padding": ((0, 1), (2, 3)), **FIRST}, (2, 2, 3, 4)),
    ("ZeroPadding3D", {"padding": ((0, 1), (2, 0), (1, 1))}, (1, 2, 3, 4, 2)),
    ("Cropping1D", {}, (2, 5, 2)),
    ("Cropping1D", {"cropping": (0, 2)}, (2, 5, 2)),
    ("Cropping2D", {"cropping": (1, 2)}, (2, 4, 6, 2)),
    ("Cropping2D", {"cropping": ((0, 1), (2, 0)), **FIRST}, (2, 2, 4, 6)),
    ("Cropping3D", {"cropping": ((0, 1), (1, 0), (1, 1))}, (1, 3, 3, 4, 2)),
    ("UpSampling1D", {"size": 3}, (2, 3, 2)),
    ("UpSampling2D", {}, (2, 3, 4, 2)),
    ("UpSampling2D", {"size": (1, 3), **FIRST}, (2, 2, 3, 4)),
    ("UpSampling2D", {"interpolation": "bilinear"}, (1, 3, 4, 2)),
    ("UpSampling2D", {"size": (3, 2), "interpolation": "bicubic", **FIRST}, (1, 2, 3, 4)),
    ("UpSampling3D", {"size": (1, 2, 3)}, (1, 2, 3, 2, 2)),
]


def short(value: Any) -> Any:
    """Serialized initializers by name; all else as it is."""
    return value["class_name"] if isinstance(value, dict) else value


def record(case: Case) -> dict[str, Any]:
    name, config, shape = case
    layer = getattr(keras.layers, name)(**config)
    x = fill(shape, 0.4)
    layer.build(shape)
    weights = [fill(w.shape, 1.0 + i) for i, w in enumerate(layer.weights)]

    def loss(weights: list[Any], x: Any) -> tuple[Any, Any]:
        y, _ = layer.stateless_call(weights, [], x)
        return (y * fill(y.shape, 9.0)).sum(), y

    (_, y), (of_weights, of_x) = jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)(weights, x)
    settings = {k: short(v) for k, v in layer.get_config().items() if k not in ("name", "trainable", "dtype")}
    return {
        "name": name,
        "config": config,
        "input": shape,
        "output": y.shape,
        "any_batch": layer.compute_output_shape((None, *shape[1:])),
        "weights": {w.name: w.shape for w in layer.weights},
        "settings": settings,
        "value": digest(y),
        "gradients": [digest(g) for g in (of_x, *of_weights)],
    }


def main() -> None:
    with jax.default_matmul_precision("highest"):
        every = [*CONVOLUTIONS, *TRANSPOSED, *DEPTHWISE, *window_pooling(), *whole_pooling(), *EDGES]
        records = [record(case) for case in every]
    for item in records:
        item["value"] = [float(f"{n:.7g}") for n in item["value"]]
        item["gradients"] = [[float(f"{n:.7g}") for n in row] for row in item["gradients"]]
    lines = ",\n".join(json.dumps(item, default=lambda v: np.asarray(v).tolist()) for item in records)
    (HERE / "keras_spatial.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
