"""The compiled exponential over its whole range, against float64."""

from __future__ import annotations

import numpy as np

from lamina import primitives as p
from lamina.compiler import compile_graph
from lamina.graph import Graph, input_node


def test_exp_is_within_two_units_in_the_last_place():
    x = np.concatenate([np.linspace(-110, 92, 300_001), np.linspace(-1e-3, 1e-3, 1001), [np.inf, -np.inf, np.nan, 0.0]])
    x = x.astype(np.float32)
    node = input_node(x.shape, "float32")
    (got,) = compile_graph(Graph((node,), (p.exp(node),)), interpret=False)([x])
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        exact = np.exp(x.astype(np.float64))
        expected = exact.astype(np.float32)
        inside = np.isfinite(expected)
        unit = np.spacing(expected[inside]).astype(np.float64)
        assert (np.abs(got[inside] - exact[inside]) / unit).max() <= 2
    np.testing.assert_array_equal(np.isinf(got), np.isinf(expected))
    np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
