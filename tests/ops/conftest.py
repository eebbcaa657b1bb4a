"""How an operation is checked: at once against NumPy, and traced against itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lamina.base import trees
from lamina.base.dims import Dim
from lamina.compiler import compile_graph
from lamina.tensor import Tensor, Trace


def run_traced(function: Callable[..., Any], arrays: list[np.ndarray], open_batch: bool = False) -> list[np.ndarray]:
    """The results of a function traced on the arrays' shapes and then run; leading dimensions open on request."""
    trace = Trace()
    with trace.stage("traced"):
        inputs = [
            trace.input((Dim("batch"), *a.shape[1:]) if open_batch and a.ndim else a.shape, a.dtype) for a in arrays
        ]
        graph = trace.finish(trees.flatten(function(*inputs)))
    return compile_graph(graph, interpret=True)(arrays)


@pytest.fixture
def agrees():
    """Checks a function of arrays against expected arrays, at once and traced; and the dtype where one is given."""

    def check(
        function: Callable[..., Any], arrays: list[Any], expected: Any, *, dtype: str | None = None, rtol: float = 1e-5,
        atol: float = 1e-6, open_batch: bool = False,
    ) -> None:  # fmt: skip
        given = [np.asarray(a) for a in arrays]
        results = trees.flatten(function(*given))
        wanted = trees.flatten(expected) if len(results) > 1 else [np.asarray(expected)]
        assert len(results) == len(wanted)
        for result, want in zip(results, wanted):
            assert isinstance(result, Tensor)
            assert result.shape == np.shape(want)
            assert dtype is None or result.dtype == dtype
            np.testing.assert_allclose(result.numpy(), want, rtol=rtol, atol=atol)
        for result, traced in zip(results, run_traced(function, given, open_batch)):
            assert traced.dtype == result.numpy().dtype
            np.testing.assert_allclose(traced, result.numpy(), rtol=rtol, atol=atol)

    return check
