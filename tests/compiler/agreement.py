"""Runs a graph in every executor and says where they differ."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lamina import primitives as p
from lamina.base import dtypes
from lamina.compiler import compile_graph
from lamina.graph import Graph, Node, interpret
from lamina.optimize import optimize
from lamina.schedule.interpret import interpret_schedule
from lamina.schedule.schedule import Schedule, schedule
from lamina.schedule.target import host_target

MATMUL = ("mk", "kn", "mn")
TOLERANCE = {"float16": 4e-3, "bfloat16": 4e-2, "float32": 2e-4, "float64": 1e-9}


def plan(graph: Graph) -> Schedule:
    """The schedule that the compiler makes of a graph on this machine."""
    return schedule(optimize(graph), host_target())


def machine_code(graph: Graph, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    return compile_graph(graph, interpret=False)(arrays)


def loop_ir(graph: Graph, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    return interpret_schedule(plan(graph), arrays, host_target())


def run(executor, graph: Graph, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Outputs and then all arrays afterwards; the given arrays stay as they are."""
    own = [a.copy() for a in arrays]
    return [*executor(graph, own), *own]


def assert_agrees(graph: Graph, arrays: Sequence[np.ndarray], executors=(machine_code,)) -> None:
    """Each executor gives what the graph interpreter gives, outputs and new state."""
    expected = run(interpret, graph, arrays)
    for executor in executors:
        assert_close(run(executor, graph, arrays), expected, f"{executor.__name__} of {graph.name}")


def assert_close(got: Sequence[np.ndarray], expected: Sequence[np.ndarray], message: str = "") -> None:
    assert len(got) == len(expected)
    for k, (a, b) in enumerate(zip(got, expected)):
        assert (a.dtype, a.shape) == (b.dtype, b.shape), f"{message}, result {k}"
        tolerance = TOLERANCE.get(dtypes.canonical(b.dtype), 0)
        if tolerance:
            a, b = a.astype(np.float64), b.astype(np.float64)
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance, err_msg=f"{message}, result {k}")
        else:
            np.testing.assert_array_equal(a, b, err_msg=f"{message}, result {k}")


def assert_same_bits(got: Sequence[np.ndarray], expected: Sequence[np.ndarray], message: str = "") -> None:
    for k, (a, b) in enumerate(zip(got, expected)):
        assert a.tobytes() == b.tobytes(), f"{message}, result {k}"


def floats(rng: np.random.Generator, *shape: int, dtype: str = "float32") -> np.ndarray:
    return rng.normal(size=shape).astype(dtypes.to_numpy(dtype))


def spread(x: Node, shape: Sequence, axis: int) -> Node:
    """A fold of `axis`, back in the shape from which it came."""
    kept = tuple(1 if k == axis else d for k, d in enumerate(shape))
    return p.broadcast(p.reshape(x, kept), tuple(shape))


def softmax(x: Node, axis: int) -> Node:
    e = p.exp(p.subtract(x, spread(p.reduce_max(x, (axis,)), x.shape, axis)))
    return p.divide(e, spread(p.reduce_sum(e, (axis,)), x.shape, axis))


def layer_norm(x: Node, axis: int, size: int) -> Node:
    scale = p.full(x.shape, 1.0 / max(size, 1), x.dtype)
    mean = spread(p.reduce_sum(p.multiply(x, scale), (axis,)), x.shape, axis)
    centred = p.subtract(x, mean)
    variance = spread(p.reduce_sum(p.multiply(p.multiply(centred, centred), scale), (axis,)), x.shape, axis)
    return p.multiply(centred, p.rsqrt(p.add(variance, p.full(x.shape, 1e-3, x.dtype))))
