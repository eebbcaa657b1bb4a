"""Loops and branches that cannot be: the error says what is wrong."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import ops
from lamina.base.errors import ArgumentError, LaminaError, ShapeError
from lamina.tensor import function


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: ops.scan(None, 0.0, np.zeros(3)), ArgumentError, "f must be a function"),
        (lambda: ops.scan(lambda c, x: c, 0.0, np.zeros(3)), ArgumentError, "pair"),
        (lambda: ops.scan(lambda c, x: (c, x), 0.0), ArgumentError, "length"),
        (lambda: ops.scan(lambda c, x: (c, x), 0.0, np.zeros(3), length=4), ShapeError, "agree"),
        (lambda: ops.scan(lambda c, x: (c, x), 0.0, np.float32(3)), ShapeError, "first axis"),
        (lambda: ops.scan(lambda c, x: ((c, c), x), 0.0, np.zeros(3)), ArgumentError, "structure"),
        (lambda: ops.scan(lambda c, x: (x, x), ops.zeros(2), np.zeros((3, 5))), ShapeError, "carry 0"),
        (lambda: ops.while_loop(lambda v: v < 3.0, lambda v: v + 1.0, ops.zeros(2)), ShapeError, "one bool"),
        (lambda: ops.while_loop(3, lambda v: v + 1.0, ops.zeros(2)), ArgumentError, "cond must be a function"),
        (lambda: ops.cond(ops.zeros(2), lambda: 1, lambda: 2), ShapeError, "one bool"),
        (lambda: ops.cond(True, 1, 2), ArgumentError, "true_fn must be a function"),
        (lambda: ops.switch(0, []), ArgumentError, "at least one"),
        (lambda: ops.associative_scan(lambda a, b: a, (np.zeros(3), np.zeros(4))), ShapeError, "one known size"),
    ],
)
@pytest.mark.parametrize("inside", [False, True])
def test_mistakes_are_named(call, error, words, inside):
    with pytest.raises(error, match=words):
        function(lambda: call())() if inside else call()


def test_branches_must_agree():
    with pytest.raises(ShapeError, match="same shapes"):
        function(lambda n: ops.cond(n > 0, lambda: ops.zeros(2), lambda: ops.zeros(3)))(np.int32(1))
    with pytest.raises(LaminaError):
        function(lambda n: ops.cond(n > 0, lambda: (1.0, 2.0), lambda: 3.0))(np.int32(1))
