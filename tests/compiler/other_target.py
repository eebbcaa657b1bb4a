"""Run as a process of its own with LAMINA_TARGET set: machine code of a lesser instruction set against NumPy."""

from __future__ import annotations

import sys

import numpy as np

from lamina import primitives as p
from lamina.compiler import compile_graph
from lamina.graph import Graph, input_node
from lamina.schedule.target import host_target
from tests.compiler.agreement import MATMUL, assert_agrees, floats
from tests.compiler.random_graphs import GraphMaker


def products(rng: np.random.Generator) -> None:
    """Edges of tiles, and long sums: targets without masked loads finish those differently."""
    inputs, outputs = [], []
    for m, k, n in ((1, 7, 5), (13, 33, 9), (6, 16, 16), (70, 3000, 10), (70, 3000, 16), (33, 130, 70)):
        a, b = input_node((m, k), "float32"), input_node((k, n), "float32")
        c, d = input_node((k, m), "float32"), input_node((n, k), "float32")
        inputs += [a, b, c, d]
        outputs += [p.contract(a, b, MATMUL), p.tanh(p.contract(a, d, ("mk", "nk", "mn")))]
        outputs += [p.contract(c, b, ("km", "kn", "mn")), p.contract(c, d, ("km", "nk", "mn"))]
    arrays = [floats(rng, *n.shape) / max(n.shape) ** 0.25 for n in inputs]
    assert_agrees(Graph(tuple(inputs), tuple(outputs)), [a.astype(np.float32) for a in arrays])


def halves(rng: np.random.Generator) -> None:
    """Every float16 to float32, and float32 of all sizes, ties among them, to float16."""
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    between = every[np.isfinite(every)].astype(np.float32)
    ordered = np.sort(between)
    ties = (ordered[1:] + ordered[:-1]) / 2
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 65519, 65520, 1e-8, 3e-8], np.float32)
    singles = np.concatenate([between, ties, floats(rng, 1000), special]).astype(np.float32)
    wide, narrow = input_node(every.shape, "float16"), input_node(singles.shape, "float32")
    graph = Graph((wide, narrow), (p.cast(wide, "float32"), p.cast(narrow, "float16")))
    got = compile_graph(graph, interpret=False)([every, singles])
    np.testing.assert_array_equal(got[0], every.astype(np.float32))
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(got[1], singles.astype(np.float16))


def main(expected: str) -> None:
    assert host_target().name == expected
    products(np.random.default_rng(0))
    halves(np.random.default_rng(0))
    for seed in range(8):
        maker = GraphMaker(seed, symbolic=seed % 2 == 1)
        assert_agrees(maker.graph(), maker.arrays(5))


if __name__ == "__main__":
    main(sys.argv[1])
