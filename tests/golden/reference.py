"""Numbers that Keras gave, and a way to run a function as a traced program."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lamina.base import trees
from lamina.base.dims import Dim
from lamina.compiler import compile_graph
from lamina.tensor import Trace

HERE = Path(__file__).parent


def load(name: str) -> list[dict[str, Any]]:
    """The cases of `keras_<name>.json`."""
    return json.loads((HERE / f"keras_{name}.json").read_text())


def arrays() -> dict[str, np.ndarray]:
    """The data that the cases name."""
    return {key: np.array(value, "int64" if key == "classes" else "float32") for key, value in load("data")[0].items()}


def label(case: dict[str, Any]) -> str:
    """A short name of a case for pytest."""
    parts = [case["name"], *(f"{k}={v}" for k, v in case.get("config", {}).items())]
    parts += [str(case[k]) for k in ("reduction", "weights") if case.get(k)]
    return "-".join(parts)


def run_traced(function: Callable[..., Any], *given: np.ndarray) -> list[np.ndarray]:
    """The results of a function of arrays, run as a program whose first dimension is not known in advance.

    Variables that the function assigns are changed.
    """
    trace = Trace()
    with trace.stage("test"):
        inputs = [trace.input((Dim("batch"), *a.shape[1:]), a.dtype, name=f"x{i}") for i, a in enumerate(given)]
        outputs: Sequence[Any] = trees.flatten(function(*inputs))
        graph = trace.finish(outputs)
    memory = trace.arrays()
    arguments = [*given, *(memory[node] for node in graph.inputs[len(given) :])]
    return compile_graph(graph)(arguments)
