"""Networks for inference as ONNX models, written node by node; ONNX has channels in the second axis."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from benchmarks.networks.layers import EPSILON
from benchmarks.networks.network import Network

_OPSET = 17


class OnnxNodes:
    """Answers to a definition are names of values; here are the nodes that make them, and their weights."""

    def __init__(self, weights):
        self._weights = iter(weights)
        self.nodes: list = []
        self.initializers: list = []

    def _node(self, kind, operands, arrays=(), more=(), **attributes):
        """Adds a node; returns the name of its result.

        Args:
            arrays: weights, that come after the other operands.
            more: names of further results.
        """
        result = f"value-{len(self.nodes)}"
        operands = [*operands, *map(self._weight, arrays)]
        self.nodes.append(helper.make_node(kind, operands, [result, *more], **attributes))
        return result

    def _weight(self, array):
        name = f"weight-{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name


class OnnxLayers(OnnxNodes):
    """Answers a definition of a convolutional network."""

    def conv(self, x, filters, size, strides=1, padding=0, use_bias=False, activation=None):
        kernel, *bias = next(self._weights)
        arrays = [kernel.transpose(3, 2, 0, 1), *bias]
        x = self._node("Conv", [x], arrays, strides=[strides] * 2, pads=[padding] * 4, kernel_shape=[size] * 2)
        return self.activation(x, activation)

    def depthwise(self, x, size, strides=1, padding=0):
        (kernel,) = next(self._weights)
        around = {"strides": [strides] * 2, "pads": [padding] * 4, "kernel_shape": [size] * 2}
        return self._node("Conv", [x], [kernel.transpose(2, 3, 0, 1)], group=kernel.shape[2], **around)

    def conv_transpose(self, x, filters, size):
        kernel, bias = next(self._weights)
        return self._node("ConvTranspose", [x], [kernel.transpose(3, 2, 0, 1), bias], strides=[size] * 2)

    def norm(self, x):
        return self._node("BatchNormalization", [x], next(self._weights), epsilon=EPSILON)

    def activation(self, x, name):
        if name is None:
            return x
        if name == "relu":
            return self._node("Relu", [x])
        return self._node("Clip", [x], [np.array(0, "float32"), np.array(6, "float32")])

    def max_pool(self, x, size, strides, padding=0):
        return self._node("MaxPool", [x], strides=[strides] * 2, pads=[padding] * 4, kernel_shape=[size] * 2)

    def global_average(self, x):
        return self._node("Flatten", [self._node("GlobalAveragePool", [x])])

    def flatten(self, x):
        return self._node("Flatten", [self._node("Transpose", [x], perm=[0, 2, 3, 1])])

    def dense(self, x, units, activation=None):
        return self.activation(self._node("Gemm", [x], next(self._weights)), activation)

    def add(self, x, y):
        return self._node("Add", [x, y])

    def concatenate(self, x, y):
        return self._node("Concat", [x, y], axis=1)


def onnx_model(network: Network, shape, weights, batch: int) -> bytes:
    """The network for batches of one size, as the bytes of an ONNX file."""
    rows, columns, channels = shape
    layers = OnnxLayers(weights)
    output = network.define(layers, "input")
    given = helper.make_tensor_value_info("input", TensorProto.FLOAT, [batch, channels, rows, columns])
    return onnx_file(layers, [given], [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)])


def onnx_file(made: OnnxNodes, inputs, outputs, *domains: str) -> bytes:
    """The bytes of an ONNX file.

    Args:
        inputs, outputs: descriptions of values.
        domains: of operators beyond those of the standard.
    """
    graph = helper.make_graph(made.nodes, "network", inputs, outputs, made.initializers)
    opsets = [helper.make_opsetid("", _OPSET), *(helper.make_opsetid(domain, 1) for domain in domains)]
    # The version of the format that this operator set came with: runtimes refuse versions newer than themselves.
    return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
