"""How a known array enters a program."""

from __future__ import annotations

import numpy as np

from lamina import primitives as P
from lamina.graph import Node, apply, constant


def constant_node(array: np.ndarray) -> Node:
    """A node with the value of an array.

    An array that NumPy only repeats (as `broadcast_to` gives it, with steps of 0 bytes) becomes a small constant that
    the program repeats, which costs nothing there: a number beside a large tensor stays a number.
    """
    repeated = tuple(size > 1 and step == 0 for size, step in zip(array.shape, array.strides))
    if not any(repeated):
        return constant(array)
    once = array[tuple(slice(0, 1) if again else slice(None) for again in repeated)]
    base = constant(once.reshape(()) if once.size == 1 else once)
    return apply(P.BROADCAST, base, shape=array.shape)
