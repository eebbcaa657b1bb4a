"""A decoder for ONNX Runtime: a model that takes the keys and values of what it has seen, and gives them back.

Attention is the runtime's own operator for this, which adds to a cache in place. The rest is written node by node.
"""

from __future__ import annotations

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

from benchmarks.machine import cores
from benchmarks.networks.onnx_layers import OnnxNodes, onnx_file
from benchmarks.sequences.layers import EPSILON
from benchmarks.sequences.sequence import Sequence, Sizes

_OWN = "com.microsoft"


class _CachedLayers(OnnxNodes):
    """Answers a definition for tokens at given positions, after those in the cache."""

    caches = 0

    def embedding(self, x, count, size):
        return self._looked_up(x)

    def positions(self, x):
        return self._node("Add", [x, self._looked_up("positions")])

    def _looked_up(self, numbers):
        (table,) = next(self._weights)
        return self._node("Gather", [self._weight(table), numbers])

    def attention(self, x, heads, causal):
        query, query_bias, key, key_bias, value, value_bias, back, back_bias = next(self._weights)
        onto = np.concatenate([kernel.reshape(len(kernel), -1) for kernel in (query, key, value)], axis=1)
        bias = np.concatenate([bias.reshape(-1) for bias in (query_bias, key_bias, value_bias)])
        cache, self.caches = self.caches, self.caches + 1
        x = self._node(
            "GroupQueryAttention",
            [self._product(x, onto, bias), "", "", f"keys-{cache}", f"values-{cache}", "last", "length"],
            more=(f"keys-{cache}-after", f"values-{cache}-after"),
            domain=_OWN,
            num_heads=heads,
            kv_num_heads=heads,
        )
        return self._product(x, back.reshape(-1, back.shape[-1]), back_bias)

    def norm(self, x):
        return self._node("LayerNormalization", [x], next(self._weights), epsilon=EPSILON)

    def dense(self, x, units, activation=None):
        x = self._product(x, *next(self._weights))
        return x if activation is None else self._node("Gelu", [x], domain=_OWN)

    def add(self, x, y):
        return self._node("Add", [x, y])

    def likeliest(self, logits):
        """The class with the greatest logit at the last step, `(batch, 1)`."""
        last = self._node("Gather", [logits], [np.array([-1])], axis=1)
        return self._node("ArgMax", [last], axis=-1, keepdims=0)

    def _product(self, x, kernel, bias):
        return self._node("Add", [self._node("MatMul", [x], [kernel])], [bias])


def _model(sequence: Sequence, sizes: Sizes, weights, length: int) -> tuple[bytes, str]:
    """The ONNX file, and the name of the value that is the next token."""
    layers = _CachedLayers(weights)
    token = layers.likeliest(sequence.define(layers, "tokens", sizes))
    cache = [1, sizes["heads"], length, sizes["size"] // sizes["heads"]]
    names = [f"{kind}-{i}" for i in range(layers.caches) for kind in ("keys", "values")]
    inputs = [
        helper.make_tensor_value_info("tokens", TensorProto.INT64, [1, "steps"]),
        helper.make_tensor_value_info("positions", TensorProto.INT64, ["steps"]),
        helper.make_tensor_value_info("last", TensorProto.INT32, [1]),
        helper.make_tensor_value_info("length", TensorProto.INT32, [1]),
        *(helper.make_tensor_value_info(name, TensorProto.FLOAT, cache) for name in names),
    ]
    outputs = [
        helper.make_tensor_value_info(token, TensorProto.INT64, [1, 1]),
        *(helper.make_tensor_value_info(f"{name}-after", TensorProto.FLOAT, cache) for name in names),
    ]
    return onnx_file(layers, inputs, outputs, _OWN), token


class OnnxDecoder:
    """The network with its caches.

    Args:
        length: of prompt and answer together.
    """

    def __init__(self, sequence: Sequence, sizes: Sizes, weights, length: int):
        model, self._token = _model(sequence, sizes, weights, length)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = cores()
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._caches = {
            given.name: _value(np.zeros(given.shape, "float32"))
            for given in self._session.get_inputs()
            if given.name.startswith(("keys", "values"))
        }

    def generate(self, prompt: np.ndarray, count: int) -> np.ndarray:
        """`count` tokens after those of the prompt `(1, length)`, each the likeliest."""
        binding, token = self._session.io_binding(), _value(np.zeros((1, 1), "int64"))
        for name, cache in self._caches.items():
            binding.bind_ortvalue_input(name, cache)
            binding.bind_ortvalue_output(f"{name}-after", cache)
        binding.bind_ortvalue_output(self._token, token)
        binding.bind_cpu_input("tokens", prompt.astype("int64"))
        positions, made = np.arange(prompt.shape[1]), []
        while len(made) < count:
            last = positions[-1:]
            binding.bind_cpu_input("positions", positions)
            binding.bind_cpu_input("last", last.astype("int32"))
            binding.bind_cpu_input("length", (last + 1).astype("int32"))
            self._session.run_with_iobinding(binding)
            made.append(token.numpy().item())
            binding.bind_ortvalue_input("tokens", token)
            positions = last + 1
        return np.array(made)


def _value(array):
    return onnxruntime.OrtValue.ortvalue_from_numpy(array)
