"""What a call of a traced function looks like: which arguments are tensors, and what the others are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.base import dtypes
from lamina.base.dims import Dim, Dimension, Shape, format_shape
from lamina.base.errors import ArgumentError, DTypeError, ShapeError
from lamina.graph.interpreter import bind_symbols
from lamina.tensor.tensor import Tensor, dtype_name
from lamina.tensor.variable import Variable

BATCH = "batch"


class TensorSpec:
    """Shape and dtype of an argument.

    Args:
        shape: ints; None for an open dimension (leading ones are the same batch for all arguments), or a name: equal
            names are equal sizes.
        dtype: element type, `"float32"` by default.
        name: for messages.
    """

    def __init__(self, shape: Sequence[Any], dtype: Any = "float32", name: str | None = None):
        self.shape = tuple(shape)
        self.dtype = dtypes.canonical(dtype)
        self.name = name

    @staticmethod
    def of(value: Any) -> TensorSpec:
        """A TensorSpec for anything with a shape and a dtype."""
        if isinstance(value, TensorSpec):
            return value
        if not hasattr(value, "shape") or not hasattr(value, "dtype"):
            raise ArgumentError(f"input_signature: expected a TensorSpec for each argument. Received: {value!r}.")
        return TensorSpec(value.shape, value.dtype, getattr(value, "name", None))

    def dims(self, position: int) -> Shape:
        """The shape with symbols for what is open."""
        result: list[Dimension] = []
        for axis, size in enumerate(self.shape):
            if size is None:
                result.append(Dim(BATCH if axis == 0 else f"argument{position}_axis{axis}"))
            else:
                result.append(Dim(size) if isinstance(size, str) else size)
        return tuple(result)

    def __repr__(self) -> str:
        return f"TensorSpec(shape={self.shape}, dtype={self.dtype!r}, name={self.name!r})"


class Signature:
    """The arguments of one call, sorted into arrays and the rest.

    Attributes:
        key: equal for calls that the same program serves.
        family: equal for calls that differ at most in leading dimensions.
        arrays: the arrays of the tensor arguments, in order.
        shapes: their shapes.
    """

    __slots__ = ("arrays", "family", "key", "shapes", "tree")

    def __init__(self, tree: Any, structure: tuple[Any, ...], arrays: list[np.ndarray]):
        self.tree = tree
        self.arrays = arrays
        self.shapes = tuple(a.shape for a in arrays)
        types = tuple(a.dtype.char for a in arrays)
        self.key = (structure, types, self.shapes)
        self.family = (structure, types, tuple(s[1:] if s else None for s in self.shapes))

    @staticmethod
    def of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Signature:
        structure: list[Any] = []
        arrays: list[np.ndarray] = []
        tree = (args, kwargs) if kwargs else (args, _NO_KEYWORDS)
        for arg in args:
            _scan(arg, structure, arrays)
        for name in sorted(kwargs):
            structure.append(name)
            _scan(kwargs[name], structure, arrays)
        return Signature(tree, tuple(structure), arrays)

    def fits(self, shapes: tuple[Shape, ...]) -> bool:
        """Whether the arrays have these shapes for some values of their symbols."""
        try:
            bind_symbols(zip(shapes, self.shapes))
        except ShapeError:
            return False
        return True

    def rebuild(self, tensors: Sequence[Tensor]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments with every array replaced by the next of `tensors`."""
        remaining = iter(tensors)
        args, kwargs = self.tree
        new_args = tuple(_replace(a, remaining) for a in args)
        return new_args, {name: _replace(kwargs[name], remaining) for name in sorted(kwargs)}


_NO_KEYWORDS: dict[str, Any] = {}


class _Same:
    """Equal for the very same object, which it keeps alive: for arguments that cannot be compared or hashed."""

    __slots__ = ("value",)

    def __init__(self, value: Any):
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


def _scan(value: Any, structure: list[Any], arrays: list[np.ndarray]) -> None:
    """Adds to the structure what identifies a value, and to the arrays its tensors."""
    kind = type(value)
    if kind is Tensor:
        structure.append(Tensor)
        arrays.append(value.numpy())
    elif isinstance(value, np.ndarray):
        dtype_name(value.dtype)
        structure.append(np.ndarray)
        arrays.append(value if value.dtype.isnative else value.astype(value.dtype.newbyteorder("=")))
    elif isinstance(value, (list, tuple)):
        structure.append((kind, len(value)))
        for item in value:
            _scan(item, structure, arrays)
    elif kind is dict:
        structure.append((dict, tuple(sorted(value))))
        for name in sorted(value):
            _scan(value[name], structure, arrays)
    elif isinstance(value, np.generic):
        structure.append(np.ndarray)
        arrays.append(np.asarray(value))
    elif kind in (int, float, bool, str, type(None)):
        structure.append((kind, value))
    else:
        structure.append(_Same(value) if isinstance(value, Variable) or not _hashable(value) else (kind, value))


def _hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _replace(value: Any, remaining: Any) -> Any:
    if isinstance(value, (Tensor, np.ndarray, np.generic)):
        return next(remaining)
    if isinstance(value, (list, tuple)):
        items = [_replace(item, remaining) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if type(value) is dict:
        filled = {name: _replace(value[name], remaining) for name in sorted(value)}
        return {name: filled[name] for name in value}
    return value


def open_leading(first: tuple[Any, ...], now: tuple[Any, ...]) -> tuple[Shape, ...] | None:
    """Shapes with a symbol for every leading dimension that changed; those that changed alike share one.

    Returns:
        None if nothing changed.
    """
    names: dict[tuple[int, int], Dim] = {}
    result: list[Shape] = []
    for before, after in zip(first, now):
        if before == after or not after:
            result.append(after)
            continue
        pair = (before[0], after[0])
        if pair not in names:
            names[pair] = Dim(BATCH if not names else f"{BATCH}{len(names) + 1}")
        result.append((names[pair], *after[1:]))
    return tuple(result) if names else None


def bind(specs: Sequence[TensorSpec], signature: Signature, name: str) -> tuple[Shape, ...]:
    """The declared shapes of an `input_signature`, after checking that the arguments fit.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument that does not.
    """
    if len(specs) != len(signature.arrays):
        raise ArgumentError(
            f"{name}: input_signature has {len(specs)} entries. Received: {len(signature.arrays)} tensors or arrays."
        )
    shapes = tuple(spec.dims(position) for position, spec in enumerate(specs))
    for position, (spec, array) in enumerate(zip(specs, signature.arrays)):
        label = spec.name or f"argument {position}"
        if dtype_name(array.dtype) != spec.dtype:
            raise DTypeError(f"{name}: {label} must be {spec.dtype}. Received: {array.dtype}.")
        if not _fits_rank(shapes[position], array.shape):
            wanted = format_shape(shapes[position])
            raise ShapeError(f"{name}: {label} must have shape {wanted}. Received: {array.shape}.")
    bind_symbols(zip(shapes, signature.shapes))
    return shapes


def _fits_rank(declared: Shape, actual: tuple[int, ...]) -> bool:
    return len(declared) == len(actual) and all(isinstance(d, Dim) or d == a for d, a in zip(declared, actual))
