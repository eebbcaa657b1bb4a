"""Every primitive's samples, compiled into one program a primitive, against the NumPy meaning."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import primitives
from lamina.base import dtypes
from lamina.compiler import compile_graph
from lamina.graph import Graph, apply, input_node

# Beyond this the compiled sine and cosine are only bounded, as their documentation says.
LARGEST_ANGLE = 1e9
TOLERANCE = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 2e-5, "float64": 1e-12}


def bounded(angles):
    return np.where(abs(angles.astype(np.float64)) < LARGEST_ANGLE, angles, np.ones_like(angles))


@pytest.mark.parametrize("name", sorted(primitives.REGISTRY))
def test_samples(name):
    primitive = primitives.REGISTRY[name]
    inputs, outputs, arrays, samples = [], [], [], [*primitive.samples()]
    for sample in samples:
        if name in ("sin", "cos"):
            sample = sample._replace(arrays=[bounded(a) for a in sample.arrays])
        given = [np.ascontiguousarray(a) if np.ndim(a) else np.array(a) for a in sample.arrays]
        nodes = [input_node(a.shape, dtypes.canonical(a.dtype)) for a in given]
        inputs += nodes
        arrays += given
        outputs.append(apply(primitive, *nodes, **sample.attrs))
    graph = Graph(tuple(inputs), tuple(outputs))
    expected = compile_graph(graph, interpret=True)(arrays)
    got = compile_graph(graph, interpret=False)(arrays)
    for sample, output, a, b in zip(samples, outputs, got, expected):
        assert a.dtype == b.dtype and a.shape == b.shape
        tolerance = TOLERANCE.get(output.dtype, 0)
        if tolerance:
            a, b = a.astype(np.float64), b.astype(np.float64)
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance, err_msg=str(sample))
        else:
            np.testing.assert_array_equal(a, b, err_msg=str(sample))
