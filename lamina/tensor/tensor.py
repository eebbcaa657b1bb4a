"""Tensor: a NumPy array, or a value that a program will compute."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina.base import dtypes
from lamina.base.dims import Shape, element_count, format_shape
from lamina.base.errors import ArgumentError, TraceError
from lamina.graph import Node, user_source
from lamina.tensor.operators import Operators

_NAMES: dict[np.dtype, str] = {}


def dtype_name(dtype: np.dtype) -> str:
    """The name of a NumPy dtype; remembered, since NumPy builds it anew each time."""
    name = _NAMES.get(dtype)
    if name is None:
        name = _NAMES[dtype] = dtypes.canonical(dtype)
    return name


class Tensor(Operators):
    """An array with NumPy's meaning of operators, indexing and broadcasting.

    A concrete tensor holds a NumPy array. A symbolic one stands for a value while a function or a model is traced:
    it has a shape and a dtype, but no numbers yet.

    Args:
        value: a NumPy array (its memory is shared, not copied), a number, or nested lists of numbers.
        dtype: element type; that of `value` when None.
    """

    __slots__ = ("_array", "_node", "__weakref__")

    # NumPy leaves `array + tensor` to the tensor.
    __array_priority__ = 100

    _array: Any  # an ndarray; None for a symbolic tensor
    _node: Node | None

    def __init__(self, value: Any, dtype: Any = None):
        from lamina.tensor.arithmetic import convert

        converted = convert(value, dtype)
        self._array = converted._array
        self._node = converted._node if isinstance(converted, Tensor) else None

    @staticmethod
    def of_array(array: np.ndarray) -> Tensor:
        """A concrete tensor around `array`, unchecked and not copied."""
        result = Tensor.__new__(Tensor)
        result._array = array
        result._node = None
        return result

    @staticmethod
    def of_node(node: Node) -> Tensor:
        """A symbolic tensor."""
        result = Tensor.__new__(Tensor)
        result._array = None
        result._node = node
        return result

    @property
    def symbolic(self) -> bool:
        """Whether this stands for a value that is not known yet."""
        return self._array is None

    @property
    def node(self) -> Node:
        """The graph node of a symbolic tensor."""
        if self._node is None:
            raise ArgumentError("A concrete tensor has no node. Use .numpy() for its value.")
        return self._node

    @property
    def dims(self) -> Shape:
        """The shape with a `Dim` for every dimension that is not known yet."""
        return self._node.shape if self._array is None else self._array.shape  # type: ignore[union-attr]

    @property
    def shape(self) -> tuple[int | None, ...]:
        """The shape; None for a dimension that is not known yet."""
        if self._array is not None:
            return self._array.shape
        return tuple(d if isinstance(d, int) else None for d in self.dims)

    @property
    def dtype(self) -> str:
        """The name of the element type, such as `"float32"`."""
        if self._array is None:
            return self._node.dtype  # type: ignore[union-attr]
        return dtype_name(self._array.dtype)

    @property
    def ndim(self) -> int:
        return len(self.dims)

    @property
    def size(self) -> int | None:
        """The number of elements; None where it is not known yet."""
        count = element_count(self.dims)
        return count if isinstance(count, int) else None

    def numpy(self) -> np.ndarray:
        """The value as a NumPy array, without a copy: it may share memory with the data the tensor was made of.

        Raises:
            TraceError: if the tensor has no value yet.
        """
        if self._array is None:
            raise self.no_value("a NumPy array")
        return self._array

    def no_value(self, wanted: str) -> TraceError:
        """The error for asking a symbolic tensor for its value."""
        node = self.node
        made = f" (made at {node.source})" if node.source.file else ""
        return TraceError(
            f"At {user_source()}: Python asked for {wanted} of a tensor of shape {format_shape(node.shape)}, dtype "
            f"{node.dtype}{made}. While a function or model is traced, the tensor has no value yet. For a choice by "
            "value use lamina.ops.where; for a value in Python, call .numpy() outside of the traced function."
        )

    def item(self) -> bool | int | float:
        """The value of a tensor of one element as a Python number."""
        return self.numpy().item()

    def tolist(self) -> Any:
        """The value as nested lists of Python numbers."""
        return self.numpy().tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.numpy(), dtype=dtype, copy=copy)

    def __dlpack__(self, **options: Any) -> Any:
        return self.numpy().__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.numpy().__dlpack_device__()

    def __bool__(self) -> bool:
        if self._array is None:
            raise self.no_value("the truth value (as in `if` or `while`)")
        return bool(self._array)

    def __int__(self) -> int:
        if self._array is None:
            raise self.no_value("a Python int")
        return int(self._array)

    def __float__(self) -> float:
        if self._array is None:
            raise self.no_value("a Python float")
        return float(self._array)

    def __index__(self) -> int:
        if self._array is None:
            raise self.no_value("a Python int")
        return self._array.__index__()

    def __format__(self, spec: str) -> str:
        if self._array is not None and self._array.ndim == 0:
            return format(self._array.item(), spec)
        return format(repr(self), spec)

    def __repr__(self) -> str:
        if self._array is None:
            return f"<Tensor shape={format_shape(self.dims)}, dtype={self.dtype}, not known yet>"
        body = np.array2string(self._array, separator=", ")
        line = "" if "\n" not in body else "\n"
        return f"<Tensor shape={self._array.shape}, dtype={self.dtype}, value={line}{body}>"

    def __reduce__(self) -> Any:
        return Tensor.of_array, (self.numpy(),)


def from_dlpack(source: Any) -> Tensor:
    """A tensor on the memory of another library's array, without a copy.

    Args:
        source: anything with `__dlpack__` in the CPU's memory: a NumPy array, a torch tensor, ...
    """
    return Tensor.of_array(np.from_dlpack(source))
