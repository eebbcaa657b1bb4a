"""Nodes: immutable, and the same object where they say the same.

Building a node twice from equal parts gives one node (hash-consing), so common subexpressions
never exist twice and a rebuilt graph is compared by identity.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from lamina.base import dtypes
from lamina.base.dims import Dim, Shape, format_shape
from lamina.base.errors import VerificationError
from lamina.graph.primitive import Primitive, Spec
from lamina.graph.source import Source, user_source

_interned: weakref.WeakValueDictionary[Any, Node] = weakref.WeakValueDictionary()
_serial = itertools.count()


class Attributes(Mapping[str, Any]):
    """Read-only, hashable attributes of a node."""

    __slots__ = ("_items", "key")

    def __init__(self, items: Mapping[str, Any]):
        self._items = dict(sorted(items.items()))
        self.key = tuple((k, _attribute_key(v)) for k, v in self._items.items())

    def __getitem__(self, name: str) -> Any:
        return self._items[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return ", ".join(f"{k}={v!r}" for k, v in self._items.items())


def _attribute_key(value: Any) -> Any:
    """A hashable stand-in that tells 1, 1.0 and True apart, and 0.0 from -0.0."""
    if isinstance(value, (tuple, list)):
        return tuple(_attribute_key(v) for v in value)
    if isinstance(value, float):
        return ("float", value.hex())
    if isinstance(value, (str, Dim, type(None))):
        return value
    return (type(value).__name__, value)


class Node:
    """One value of a graph: a primitive applied to other nodes.

    Attributes:
        primitive: the operation.
        inputs: the nodes that it reads.
        attrs: its attributes.
        shape, dtype: of the value.
        results: shapes and dtypes of the results, for an operation that has several; empty for all others.
        source: the line of the user's code that made it.
        serial: counts up in the order of creation; an input's is always smaller than its user's.
    """

    __slots__ = ("__weakref__", "attrs", "dtype", "inputs", "primitive", "results", "serial", "shape", "source")

    primitive: Primitive
    inputs: tuple[Node, ...]
    attrs: Attributes
    shape: Shape
    dtype: str
    results: tuple[Spec, ...]
    source: Source
    serial: int

    def __init__(self, primitive: Primitive, inputs: tuple[Node, ...], attrs: Attributes, spec: Spec, source: Source):
        set_ = object.__setattr__
        set_(self, "primitive", primitive)
        set_(self, "inputs", inputs)
        set_(self, "attrs", attrs)
        set_(self, "shape", tuple(spec.shape))
        set_(self, "dtype", spec.dtype)
        set_(self, "results", spec.results)
        set_(self, "source", source)
        set_(self, "serial", next(_serial))

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("A Node does not change; build another one with apply().")

    @property
    def kind(self) -> str:
        return self.primitive.kind

    @property
    def rank(self) -> int:
        return len(self.shape)

    def __repr__(self) -> str:
        return f"<{self.primitive.name} {self.dtype}{format_shape(self.shape)}>"


def apply(primitive: Primitive, *inputs: Node, source: Source | None = None, **attrs: Any) -> Node:
    """The node that applies `primitive` to `inputs`: a new one, or the one that already says the same.

    Operands must have the exact shapes and dtypes that the primitive takes: broadcasting and promotion of
    dtypes are the business of the public functions.

    Args:
        source: where the user asked for it; found by looking up the stack when None.
    """
    frozen = Attributes(attrs)
    key = (primitive.name, tuple(n.serial for n in inputs), frozen.key)
    found = _interned.get(key)
    if found is not None:
        return found
    spec = primitive.infer(*inputs, **attrs)
    node = Node(primitive, inputs, frozen, spec, source or user_source())
    _interned[key] = node
    return node


class Array:
    """A read-only NumPy array as an attribute: small ones are equal by content, large ones by identity."""

    __slots__ = ("_key", "value")
    LARGEST_BY_CONTENT = 4096

    def __init__(self, value: np.ndarray):
        self.value = value
        if value.nbytes <= self.LARGEST_BY_CONTENT:
            self._key: Any = (value.dtype.name, value.shape, value.tobytes())
        else:
            self._key = id(value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Array) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        if self.value.size <= 4:
            return np.array2string(self.value, separator=", ", precision=6)
        return f"array{self.value.shape}"


def _leaf_infer(*, shape: Shape, dtype: str, **_: Any) -> Spec:
    return Spec(shape, dtype)


def _input_value(**_: Any) -> Any:
    raise VerificationError("An input has no value of its own; it is given when the graph is run.")


INPUT = Primitive("input", "leaf", infer=_leaf_infer, numpy=_input_value)
CONSTANT = Primitive(
    "constant", "leaf", infer=lambda value: Spec(value.value.shape, dtypes.canonical(value.value.dtype)),
    numpy=lambda value: value.value,
)  # fmt: skip


def input_node(shape: Shape, dtype: str, name: str = "input") -> Node:
    """A new input of the graph; every call gives a different one."""
    attrs = Attributes({"shape": tuple(shape), "dtype": dtype, "name": name, "identity": next(_serial)})
    return Node(INPUT, (), attrs, Spec(tuple(shape), dtype), user_source())


def constant(value: Any, dtype: str | None = None) -> Node:
    """A known array as a node. The array is copied unless it is already read-only."""
    array = np.asarray(value, dtype=dtypes.to_numpy(dtype) if dtype else None)
    if array.flags.writeable:
        array = array.copy()
        array.flags.writeable = False
    return apply(CONSTANT, value=Array(array))
