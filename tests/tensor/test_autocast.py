"""Reading variables as another dtype, while their memory and what is assigned to it stay as they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lamina import ops
from lamina.tensor import GradientTape, Variable, eagerly
from lamina.tensor.state import autocast, state
from tests.golden.reference import run_traced

THIRD = np.full((2, 2), 1 / 3, "float32")

READS: list[Any] = [
    lambda v: v + v, lambda v: v * 2.0, lambda v: v / 3, lambda v: v @ v, lambda v: v[0], lambda v: v[:], lambda v: -v,
    lambda v: v.value, lambda v: ops.matmul(v, v), lambda v: ops.concatenate([v, v]), lambda v: ops.stack([v, v]),
    lambda v: ops.where(v > 0, v, v), lambda v: ops.sum(v), lambda v: ops.einsum("ij,jk->ik", v, v),
    lambda v: ops.convert_to_tensor(v), lambda v: ops.take(v, [0], axis=0), lambda v: ops.maximum(v, v), ops.softmax,
]  # fmt: skip


@pytest.mark.parametrize("read", READS)
def test_every_way_to_read(read: Any, interpreted: None) -> None:
    variable, exact = Variable(THIRD), Variable(THIRD, autocast=False)
    with autocast("float16"):
        assert read(variable).dtype == "float16"
        assert read(exact).dtype == "float32"
    assert read(variable).dtype == "float32"

    def traced() -> Any:
        with autocast("float16"):
            return read(variable), read(exact)

    half, full = run_traced(traced)
    assert (half.dtype, full.dtype) == (np.float16, np.float32)


def test_assignments_are_exact() -> None:
    a, b = Variable(THIRD), Variable(np.zeros((2, 2)), dtype="float32")
    with autocast("bfloat16"):
        b.assign(a)
        np.testing.assert_array_equal(b.numpy(), THIRD)
        b.assign_add(a)
        b.assign_sub(0.125)
    np.testing.assert_array_equal(b.numpy(), THIRD + THIRD - np.float32(0.125))


def test_only_floats_are_cast() -> None:
    with autocast("float16"):
        assert (Variable(np.array([1, 2])) + 1).dtype == "int64"
        assert ops.cast(Variable(THIRD), "float64").dtype == "float64"
        assert (Variable(THIRD.astype("float64")) + 1.0).dtype == "float16"


def test_scopes_nest_and_making_variables_is_outside_of_them() -> None:
    source = Variable(THIRD)
    with autocast("float16"):
        with autocast("bfloat16"):
            assert (source + 1.0).dtype == "bfloat16"
            with autocast(None):
                assert (source + 1.0).dtype == "float32"
        assert (source + 1.0).dtype == "float16"
        np.testing.assert_array_equal(Variable(source).numpy(), THIRD)
        with eagerly():
            assert state.autocast is None
        assert state.autocast == "float16"
    assert state.autocast is None


def test_gradients_reach_the_variable() -> None:
    variable = Variable(THIRD)
    with GradientTape() as tape, autocast("float16"):
        loss = ops.sum(ops.square(variable) * 2.0)
    gradient = tape.gradient(loss, variable)
    assert gradient.dtype == "float32"
    np.testing.assert_allclose(gradient, 4 * THIRD, rtol=1e-3)
