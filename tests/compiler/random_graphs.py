"""Random graphs of every kind of primitive, whose values stay small and do not jump with rounding."""

from __future__ import annotations

import numpy as np

from lamina import primitives as p
from lamina.base.dims import Dim, Dimension, element_count, evaluate_shape, is_static, symbols_of
from lamina.graph import Graph, Node, input_node
from tests.compiler.agreement import layer_norm, softmax

BATCH = Dim("batch")
SIZES = (1, 2, 3, 5, 8, 17, 33)
MOST_ELEMENTS = 4000


class GraphMaker:
    """Makes one graph from a seed.

    Args:
        symbolic: whether some leading dimensions are the symbol `batch`.
        empty: whether dimensions may be 0.
    """

    def __init__(self, seed: int, symbolic: bool = False, empty: bool = False):
        self.rng = np.random.default_rng(seed)
        self.symbolic = symbolic
        self.sizes = (*SIZES, 0) if empty else SIZES
        self.inputs: list[Node] = []
        self.limits: dict[Node, int] = {}
        self.nodes: list[Node] = []
        for _ in range(3):
            self._input(self._shape(int(self.rng.integers(1, 4))))

    def graph(self, operations: int = 12) -> Graph:
        while operations:
            name = self._pick(_OPERATIONS)
            node = getattr(self, f"_{name}")(self._pick(self.nodes))
            if node is not None and self._fits(node):
                self.nodes.append(node)
                operations -= 1
        made = [n for n in self.nodes if n not in self.inputs]
        outputs = {made[-1]: None} | dict.fromkeys(self._pick(self.nodes) for _ in range(3))
        updates = []
        for new in (self._pick(made), self._pick(made)):
            state = next((n for n in self.inputs if n.shape == new.shape and n.dtype == new.dtype), None)
            if state is not None and state not in [s for s, _ in updates]:
                updates.append((state, new))
        return Graph(tuple(self.inputs), tuple(outputs), tuple(updates))

    def arrays(self, batch: int = 3) -> list[np.ndarray]:
        made = []
        for node in self.inputs:
            shape = evaluate_shape(node.shape, {"batch": batch})
            if node in self.limits:
                made.append(self.rng.integers(0, self.limits[node], shape))
            else:
                made.append(self.rng.normal(size=shape).astype(np.float32))
        return made

    # Choices

    def _pick(self, items):
        return items[int(self.rng.integers(len(items)))]

    def _size(self) -> int:
        return int(self._pick(self.sizes))

    def _shape(self, rank: int) -> tuple[Dimension, ...]:
        shape: list[Dimension] = [self._size() for _ in range(rank)]
        if self.symbolic and self.rng.random() < 0.7:
            shape[0] = BATCH
        return tuple(shape)

    def _axis(self, x: Node) -> int:
        return int(self.rng.integers(x.rank))

    def _fits(self, node: Node) -> bool:
        if node in self.nodes:
            return False
        return node.rank <= 4 and _count(node.shape) <= MOST_ELEMENTS

    def _input(self, shape, dtype: str = "float32", limit: int = 0) -> Node:
        node = input_node(tuple(shape), dtype)
        self.inputs.append(node)
        if limit:
            self.limits[node] = limit
        else:
            self.nodes.append(node)
        return node

    def _scaled(self, node: Node, terms: Dimension) -> Node:
        """A sum of so many terms, made small again."""
        size = max(_count((terms,)), 1)
        return p.multiply(node, p.full(node.shape, 0.7 / size**0.5, node.dtype))

    # Operations: each gives a node, or None where it does not apply

    def _unary(self, x):
        return self._pick((p.tanh, p.absolute, p.negate, p.sin, p.erf))(x)

    def _binary(self, x):
        others = [n for n in self.nodes if n.shape == x.shape]
        operation = self._pick((p.add, p.subtract, p.multiply, p.maximum, p.minimum))
        result = operation(x, self._pick(others))
        return p.tanh(result) if operation is p.multiply else result

    def _choice(self, x):
        others = [n for n in self.nodes if n.shape == x.shape]
        y = self._pick(others)
        return p.select(p.greater(x, y), x, y)

    def _broadcast(self, x):
        return p.broadcast(x, (self._size(), *x.shape))

    def _spread(self, x):
        if x.rank == 0:
            return None
        axis = self._axis(x)
        return self._binary_with(x, self._extreme_over(x, axis), axis)

    def _binary_with(self, x, folded, axis):
        if folded is None:
            return None
        kept = tuple(1 if k == axis else d for k, d in enumerate(x.shape))
        return p.subtract(x, p.broadcast(p.reshape(folded, kept), x.shape))

    def _extreme_over(self, x, axis):
        if not isinstance(x.shape[axis], int) or x.shape[axis] == 0:
            return self._scaled(p.reduce_sum(x, (axis,)), x.shape[axis])
        return p.reduce_max(x, (axis,))

    def _reshape(self, x):
        if not is_static(x.shape):
            return p.reshape(x, (element_count(x.shape),)) if len(symbols_of(x.shape)) == 1 else None
        count = int(element_count(x.shape))
        first = next((d for d in (2, 3, 5, 7, 17) if count % d == 0), 1)
        return p.reshape(x, self._pick([(count,), (first, count // first), (count // first, first)]))

    def _transpose(self, x):
        return p.transpose(x, tuple(int(a) for a in self.rng.permutation(x.rank)))

    def _reverse(self, x):
        return p.reverse(x, (self._axis(x),)) if x.rank else None

    def _slice(self, x):
        start, stop, step = [], [], []
        for d in x.shape:
            cut = isinstance(d, int) and d > 2 and self.rng.random() < 0.6
            start.append(1 if cut else 0)
            stop.append(d)
            step.append(2 if cut and self.rng.random() < 0.5 else 1)
        return p.slice(x, tuple(start), tuple(stop), tuple(step))

    def _pad(self, x):
        if 0 in x.shape or not is_static(x.shape):
            return None
        low = tuple(int(n) for n in self.rng.integers(0, 3, x.rank))
        high = tuple(int(n) for n in self.rng.integers(0, 3, x.rank))
        return p.pad(x, low, high, 0.25)

    def _concatenate(self, x):
        if x.rank == 0:
            return None
        axis = self._axis(x)
        rest = [d for k, d in enumerate(x.shape) if k != axis]
        others = [n for n in self.nodes if n.rank == x.rank and [d for k, d in enumerate(n.shape) if k != axis] == rest]
        parts = [n for n in (x, self._pick(others), x) if n.shape[axis] != 0 and isinstance(n.shape[axis], int)]
        return p.concatenate(*parts, axis=axis) if len(parts) > 1 else None

    def _sum(self, x):
        axes = tuple(a for a in range(x.rank) if self.rng.random() < 0.5)
        return self._scaled(p.reduce_sum(x, axes), element_count(x.shape[a] for a in axes)) if axes else None

    def _extreme(self, x):
        axes = tuple(a for a in range(x.rank) if isinstance(x.shape[a], int) and x.shape[a] and self.rng.random() < 0.5)
        return self._pick((p.reduce_max, p.reduce_min))(x, axes) if axes else None

    def _softmax(self, x):
        axes = [a for a in range(x.rank) if isinstance(x.shape[a], int) and x.shape[a]]
        return softmax(x, self._pick(axes)) if axes else None

    def _layer_norm(self, x):
        axes = [a for a in range(x.rank) if isinstance(x.shape[a], int) and x.shape[a] > 1]
        if not axes:
            return None
        axis = self._pick(axes)
        return layer_norm(x, axis, int(x.shape[axis]))

    def _contract(self, x):
        if x.rank == 0:
            return None
        letters = "abcde"[: x.rank]
        axis = self._axis(x)
        k, n = letters[axis], self._size()
        if self.rng.random() < 0.5:
            other = self._input((x.shape[axis], n) if self.rng.random() < 0.5 else (n, x.shape[axis]))
            second = f"{k}n" if other.shape[0] is x.shape[axis] and other.shape[1] == n else f"n{k}"
            result = letters.replace(k, "n")
        else:
            other, second = x, letters.replace(k, "z") if x.rank == 1 else letters
            result = letters.replace(k, "") if x.rank > 1 else "az"
        if second[0] == "n" and other.shape != (n, x.shape[axis]):
            return None
        return self._scaled(p.contract(x, other, (letters, second, result)), x.shape[axis])

    def _outer_product(self, x):
        """The gradient of a weight matrix: rows are summed away."""
        others = [n for n in self.nodes if n.rank == 2 and n.shape[0] == x.shape[0]] if x.rank == 2 else []
        if not others:
            return None
        return self._scaled(p.contract(x, self._pick(others), ("km", "kn", "mn")), x.shape[0])

    def _take(self, x):
        axes = [a for a in range(x.rank) if isinstance(x.shape[a], int) and x.shape[a]]
        if not axes:
            return None
        axis = self._pick(axes)
        indices = self._input((self._size(),), "int64", int(x.shape[axis]))
        return p.take(x, indices, axis)

    def _scatter(self, x):
        if x.rank == 0 or not isinstance(x.shape[0], int) or not x.shape[0]:
            return None
        count = self._size()
        indices = self._input((count,), "int64", int(x.shape[0]))
        updates = self._input((count, *x.shape[1:]))
        return p.tanh(p.scatter_add(x, indices, updates, 0))

    def _cumulative(self, x):
        if x.rank == 0:
            return None
        axis = self._axis(x)
        flags = [bool(self.rng.integers(2)) for _ in range(2)]
        return self._scaled(p.cumulative_sum(x, axis, *flags), x.shape[axis])


def _count(shape) -> int:
    """Elements, where the symbol is a small batch."""
    return int(np.prod(evaluate_shape(shape, {"batch": 40}), dtype=np.int64))


_OPERATIONS = sorted(name[1:] for name in (
    "_unary", "_binary", "_choice", "_broadcast", "_spread", "_reshape", "_transpose", "_reverse", "_slice", "_pad",
    "_concatenate", "_sum", "_extreme", "_softmax", "_layer_norm", "_contract", "_outer_product", "_take", "_scatter",
    "_cumulative",
))  # fmt: skip
