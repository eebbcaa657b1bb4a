"""A program that is compiled in several modules is the same program."""

from __future__ import annotations

import gc
import itertools
from pathlib import Path

import numpy as np
import pytest

from lamina import primitives as p
from lamina.base.config import config
from lamina.base.dims import Dim
from lamina.base.errors import CompileError
from lamina.compiler import compilation, compile_graph
from lamina.graph import Graph, constant, input_node, interpret
from lamina.runtime import native

MATMUL = ("mk", "kn", "mn")


def many_products() -> Graph:
    x = value = input_node((Dim("batch"), 20), "float32")
    weights = [input_node((20, 20), "float32") for _ in range(4)]
    for k, w in enumerate(weights):
        value = p.tanh(p.contract(value, w, MATMUL)) if k % 2 else p.exp(p.contract(value, w, MATMUL))
        value = p.subtract(value, p.broadcast(p.reshape(p.reduce_max(value, (1,)), (Dim("batch"), 1)), value.shape))
    return Graph((x, *weights), (value,))


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("lines", [1, 400, 10**9])
def test_any_cut_gives_the_same_results(monkeypatch, rng, lines, threads):
    monkeypatch.setattr(compilation, "_MODULE_LINES", lines)
    config.cache, config.threads = False, threads
    graph = many_products()
    arrays = [rng.normal(size=(7, 20)).astype(np.float32)]
    arrays += [rng.normal(size=(20, 20)).astype(np.float32) / 8 for _ in range(4)]
    for found, wanted in zip(compile_graph(graph, interpret=False)(arrays), interpret(graph, arrays)):
        np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-6)


def test_several_modules_come_back_from_the_cache(monkeypatch, rng):
    monkeypatch.setattr(compilation, "_MODULE_LINES", 200)
    graph, arrays = many_products(), [np.ones((2, 20), np.float32), *[np.eye(20, dtype=np.float32)] * 4]
    first = compile_graph(graph, interpret=False)(arrays)
    monkeypatch.setattr(native, "compile_object", None)
    again = compile_graph(graph, interpret=False)(arrays)
    assert all(np.array_equal(a, b) for a, b in zip(first, again))


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_in_one_of_several_modules_is_told(monkeypatch, workers):
    monkeypatch.setattr(compilation, "_MODULE_LINES", 100)
    config.cache, config.threads = False, workers
    compile_, calls = native.compile_object, itertools.count()
    monkeypatch.setattr(
        native, "compile_object", lambda text, target: compile_("nonsense" if next(calls) == 1 else text, target)
    )
    with pytest.raises(CompileError, match="not valid"):
        compile_graph(many_products(), interpret=False)


def test_the_garbage_collector_is_left_as_it_was():
    compile_graph(many_products(), interpret=False)
    assert gc.isenabled()
    gc.disable()
    try:
        compile_graph(many_products(), interpret=False)
        assert not gc.isenabled()
    finally:
        gc.enable()


def with_state(name: str) -> Graph:
    """A graph with state, a constant, and an open size; every call makes new inputs."""
    state, x = input_node((5,), "float32", name), input_node((Dim("batch"), 5), "float32", name)
    known = constant(np.arange(5, dtype=np.float32))
    row = p.broadcast(p.reshape(p.add(state, known), (1, 5)), x.shape)
    return Graph((state, x), (p.multiply(x, row),), ((state, p.add(state, p.reduce_sum(x, (0,)))),))


def run(graph: Graph) -> tuple[list[np.ndarray], np.ndarray]:
    state = np.ones(5, np.float32)
    compiled = compile_graph(graph, interpret=False)
    x = np.arange(30, dtype=np.float32).reshape(6, 5)
    return [compiled([state, x])[0], compiled([state, x[:2]])[0]], state


def test_a_program_that_was_compiled_before_is_neither_scheduled_nor_compiled(monkeypatch):
    first, state = run(with_state("one"))
    monkeypatch.setattr(native, "compile_object", None)
    monkeypatch.setattr(compilation.Compilation, "stages", None)
    again, state_again = run(with_state("two"))
    assert all(np.array_equal(a, b) for a, b in zip(first, again)) and np.array_equal(state, state_again)


def test_a_plan_whose_machine_code_is_gone_is_made_anew():
    first, _ = run(with_state("one"))
    code = compilation.Compilation({"main": with_state("three")}).key()
    (Path(config.cache_dir) / f"{code}.object").unlink()
    again, _ = run(with_state("four"))
    assert all(np.array_equal(a, b) for a, b in zip(first, again))
