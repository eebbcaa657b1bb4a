"""Variable: memory that keeps its value between calls, and that programs change in place."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from lamina.base import dtypes
from lamina.base.changes import changes
from lamina.base.config import config
from lamina.base.dims import Dim
from lamina.base.errors import ArgumentError, ShapeError, TraceError
from lamina.graph import Node, user_source
from lamina.runtime.buffers import aligned_copy
from lamina.tensor.operators import Operators
from lamina.tensor.state import autocast, eagerly, state
from lamina.tensor.tensor import Tensor, dtype_name

_unnamed = itertools.count()


class Variable(Operators):
    """A tensor that can be assigned to: a weight, a counter, the state of a random generator.

    It takes part in operations like a tensor. Its memory is one C-contiguous NumPy array for all its life, which
    compiled programs read and write in place.

    Args:
        initializer: the first value (copied), or a callable `initializer(shape, dtype=dtype)` that gives it.
        shape: shape; needed with a callable, otherwise that of the value.
        dtype: element type; `floatx` with a callable, otherwise that of the value.
        trainable: whether gradient tapes watch it when it is read. Only floats can be trained.
        autocast: whether a layer that computes in half floats reads it as such; True. Assigned values are its own
            dtype in any case.
        name: a name for messages and files; made up when None.

    Raises:
        ArgumentError: if a callable comes without a shape.
        ShapeError: if the value does not have `shape`.
    """

    __array_priority__ = 100

    def __init__(
        self,
        initializer: Any,
        shape: tuple[int, ...] | None = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        name: str | None = None,
    ):
        self.name = f"variable_{next(_unnamed)}" if name is None else str(name)
        self.path = self.name
        self.trainable = bool(trainable)
        self.autocast = bool(autocast)
        with eagerly():
            value = _first_value(self.name, initializer, shape, dtype)
        self._array = aligned_copy(value)
        self._node: Node | None = None
        self._readers: list[weakref.ref[Any]] = []

    @property
    def shape(self) -> tuple[int, ...]:
        return self._array.shape

    dims = shape

    @property
    def dtype(self) -> str:
        return dtype_name(self._array.dtype)

    @property
    def ndim(self) -> int:
        return self._array.ndim

    @property
    def size(self) -> int:
        return self._array.size

    @property
    def watched(self) -> bool:
        """Whether gradient tapes watch the variable when it is read."""
        return self.trainable and self._array.dtype.kind not in "biu"

    @property
    def value(self) -> Tensor:
        """The value now, as a tensor that later assignments do not change."""
        if state.autocast is not None:
            from lamina.tensor.convert import as_read

            read = as_read(self)
            if read is not self:
                return read  # type: ignore[return-value]
        if state.trace is not None:
            return Tensor.of_node(state.trace.node_of(self))
        if state.tapes and self.watched:
            from lamina.tensor.arithmetic import broadcast_to

            return broadcast_to(self, self.shape, always=True)
        return Tensor.of_array(self._array.copy())

    def numpy(self) -> np.ndarray:
        """A copy of the value. Assigning to the copy does not change the variable.

        Raises:
            TraceError: while a function or a model is traced.
        """
        self._need_value("a NumPy array")
        return self._array.copy()

    def assign(self, value: Any) -> Variable:
        """Replaces the value; in a traced function, when the program runs.

        Args:
            value: of the variable's shape; cast to its dtype.

        Raises:
            ShapeError: if the shapes differ.
        """
        from lamina.tensor.arithmetic import cast, convert
        from lamina.tensor.dispatch import node_of

        with autocast(None):
            tensor = convert(value)
        if tuple(tensor.dims) != self._array.shape:
            raise ShapeError(
                f"Variable {self.path!r}: assign() takes a value of the variable's shape {self._array.shape}. "
                f"Received: a value of shape {tensor.dims}."
            )
        if state.trace is not None:
            state.trace.assign(self, node_of(cast(tensor, self.dtype)))
        elif tensor._array is None:
            raise TraceError(f"Variable {self.path!r}: assign() of a symbolic tensor outside of its trace.")
        else:
            self.before_write()
            with np.errstate(all="ignore"):
                self._array[...] = tensor._array
            changes.note()
        return self

    def assign_add(self, value: Any) -> Variable:
        """Adds `value`, which may broadcast to the variable's shape."""
        with autocast(None):
            return self.assign(self + value)

    def assign_sub(self, value: Any) -> Variable:
        """Subtracts `value`, which may broadcast to the variable's shape."""
        with autocast(None):
            return self.assign(self - value)

    def read_by(self, tape: Any) -> None:
        """Notes that a gradient tape holds the memory as it is now."""
        self._readers.append(weakref.ref(tape))

    def before_write(self) -> None:
        """To be called before the memory changes: tapes that recorded the old value get a copy of it."""
        if self._readers:
            old = self._array.copy()
            for reference in self._readers:
                tape = reference()
                if tape is not None and self._node is not None:
                    tape.replace(self._node, old)
            self._readers.clear()
        self._node = None

    def _need_value(self, wanted: str) -> None:
        if state.trace is not None:
            raise TraceError(
                f"At {user_source()}: Python asked for {wanted} of variable {self.path!r} while a function or model is "
                "traced, where the variable has no value yet. Use it in operations, or read it outside."
            )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        self._need_value("a NumPy array")
        if copy is False:
            view = self._array.view()
            view.flags.writeable = False
            return np.asarray(view, dtype=dtype, copy=False)
        return np.array(self._array, dtype=dtype, copy=True)

    def __dlpack__(self, **options: Any) -> Any:
        """The live memory: what is written through another library's view is the variable's value."""
        self._need_value("its memory")
        changes.exposed = True
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._array.__dlpack_device__()

    def __bool__(self) -> bool:
        self._need_value("the truth value (as in `if` or `while`)")
        return bool(self._array)

    def __int__(self) -> int:
        self._need_value("a Python int")
        return int(self._array)

    def __float__(self) -> float:
        self._need_value("a Python float")
        return float(self._array)

    def __index__(self) -> int:
        self._need_value("a Python int")
        return self._array.__index__()

    def __format__(self, spec: str) -> str:
        if self._array.ndim == 0 and state.trace is None:
            return format(self._array.item(), spec)
        return format(repr(self), spec)

    def __repr__(self) -> str:
        body = np.array2string(self._array, separator=", ")
        line = "" if "\n" not in body else "\n"
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}, value={line}{body}>"

    def __getstate__(self) -> dict[str, Any]:
        kept = dict(self.__dict__)
        return {**kept, "_node": None, "_readers": [], "_array": self._array.copy()}


def _first_value(name: str, initializer: Any, shape: tuple[int, ...] | None, dtype: Any) -> np.ndarray:
    """A fresh C-contiguous array with the value that a variable starts with."""
    from lamina.tensor.arithmetic import convert

    if shape is not None:
        shape = tuple(_size(name, d) for d in shape)
    if callable(initializer) and not isinstance(initializer, Operators):
        if shape is None:
            raise ArgumentError(f"Variable {name!r}: an initializer that is a callable needs a shape. Received: None.")
        dtype = dtypes.canonical(dtype or config.floatx)
        initializer = _call(initializer, shape, dtype)
    tensor = convert(initializer)
    if tensor._array is None:
        raise TraceError(
            f"Variable {name!r} would start with a symbolic tensor, which has no value yet. Make variables from "
            "arrays, numbers or initializers."
        )
    wanted = dtypes.to_numpy(dtypes.canonical(dtype)) if dtype is not None else tensor._array.dtype
    value = np.array(tensor._array, dtype=wanted, order="C", copy=True)
    if shape is not None and value.shape != shape:
        raise ShapeError(f"Variable {name!r}: expected a value of shape {shape}. Received: {value.shape}.")
    return value


def _call(initializer: Callable[..., Any], shape: tuple[int, ...], dtype: str) -> Any:
    return initializer(shape, dtype=dtype)


def _size(name: str, dimension: Any) -> int:
    if isinstance(dimension, Dim) or dimension is None:
        raise ShapeError(f"Variable {name!r}: every dimension must be known. Received: {dimension!r} in the shape.")
    if int(dimension) < 0:
        raise ShapeError(f"Variable {name!r}: a dimension must not be negative. Received: {dimension!r} in the shape.")
    return int(dimension)
