"""The numeric checker finds wrong gradients, and says where."""

from __future__ import annotations

import numpy as np
import pytest

from lamina.autodiff import check_gradients
from lamina.base.errors import GradientError
from lamina.graph import Node, Primitive, Spec, apply
from lamina.primitives import cast, exp, multiply, stop_gradient, take

WRONG = Primitive(
    "wrong", "elementwise",
    infer=lambda x: Spec(x.shape, x.dtype),
    numpy=lambda x: x * x,
    vjp=lambda node, g: (multiply(g, node.inputs[0]),),
)  # fmt: skip


def test_wrong_gradient_is_found_and_named() -> None:
    text = r"element \[1\] of argument 1 is .*Differences of values give "
    with pytest.raises(GradientError, match=text):
        check_gradients(lambda x, y: multiply(x, apply(WRONG, y)), [np.array([0.0, 1.0]), np.array([5.0, 1.0])])


def test_missing_gradient_is_found() -> None:
    with pytest.raises(GradientError, match=r"argument 0 is 0\.0"):
        check_gradients(lambda x: stop_gradient(exp(x)), [np.ones(2)])


def test_wrong_second_gradient_is_found() -> None:
    def function(x: Node) -> Node:
        return multiply(x, stop_gradient(x))

    with pytest.raises(GradientError):
        check_gradients(function, [np.ones(2)], order=2)


def test_several_outputs_and_integer_arguments() -> None:
    table, rows = np.arange(6.0).reshape(3, 2), np.array([2, 0])
    check_gradients(lambda x, i: [take(x, i, 0), exp(x)], [table, rows])


def test_floats_are_taken_as_float64() -> None:
    check_gradients(exp, [np.ones(3, np.float16)])


def test_large_arguments_are_sampled() -> None:
    check_gradients(exp, [np.linspace(-1, 1, 500)])


def test_result_must_be_float64() -> None:
    with pytest.raises(GradientError, match="must give float64"):
        check_gradients(lambda x: cast(x, "float32"), [np.ones(3)])
