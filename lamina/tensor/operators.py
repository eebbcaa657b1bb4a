"""Python's operators for tensors and variables."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

from lamina.base.errors import DTypeError, LaminaError, TraceError


@functools.cache
def _operation(name: str) -> Callable[..., Any]:
    """The function behind an operator; looked up late, since operations build on tensors."""
    from lamina.tensor import arithmetic

    return getattr(arithmetic, name)


def _forward(name: str) -> Callable[[Any, Any], Any]:
    def operator(self: Any, other: Any) -> Any:
        try:
            return _operation(name)(self, other)
        except DTypeError:
            if _is_operand(other):
                raise
            return NotImplemented

    return operator


def _backward(name: str) -> Callable[[Any, Any], Any]:
    def operator(self: Any, other: Any) -> Any:
        try:
            return _operation(name)(other, self)
        except DTypeError:
            if _is_operand(other):
                raise
            return NotImplemented

    return operator


def _is_operand(value: Any) -> bool:
    try:
        _operation("convert")(value)
    except LaminaError:
        return False
    return True


def _unary(name: str) -> Callable[[Any], Any]:
    def operator(self: Any) -> Any:
        return _operation(name)(self)

    return operator


class Operators:
    """What tensors and variables share: operators, indexing and iteration, with NumPy's meaning."""

    __slots__ = ()

    __add__ = _forward("add")
    __radd__ = _backward("add")
    __sub__ = _forward("subtract")
    __rsub__ = _backward("subtract")
    __mul__ = _forward("multiply")
    __rmul__ = _backward("multiply")
    __truediv__ = _forward("divide")
    __rtruediv__ = _backward("divide")
    __floordiv__ = _forward("floor_divide")
    __rfloordiv__ = _backward("floor_divide")
    __mod__ = _forward("mod")
    __rmod__ = _backward("mod")
    __pow__ = _forward("power")
    __rpow__ = _backward("power")
    __matmul__ = _forward("matmul")
    __rmatmul__ = _backward("matmul")
    __and__ = _forward("bitwise_and")
    __rand__ = _backward("bitwise_and")
    __or__ = _forward("bitwise_or")
    __ror__ = _backward("bitwise_or")
    __xor__ = _forward("bitwise_xor")
    __rxor__ = _backward("bitwise_xor")
    __lshift__ = _forward("left_shift")
    __rlshift__ = _backward("left_shift")
    __rshift__ = _forward("right_shift")
    __rrshift__ = _backward("right_shift")
    __lt__ = _forward("less")
    __le__ = _forward("less_equal")
    __gt__ = _forward("greater")
    __ge__ = _forward("greater_equal")
    __eq__ = _forward("equal")
    __ne__ = _forward("not_equal")
    __neg__ = _unary("negative")
    __pos__ = _unary("positive")
    __abs__ = _unary("absolute")
    __invert__ = _unary("bitwise_not")

    def __hash__(self) -> int:
        return id(self)

    def __getitem__(self, key: Any) -> Any:
        from lamina.tensor.indexing import get_item

        return get_item(self, key)  # type: ignore[arg-type]

    def __setitem__(self, key: Any, value: Any) -> None:
        raise DTypeError(
            f"{type(self).__name__} does not support item assignment. Use lamina.ops.slice_update or "
            "lamina.ops.scatter_update, which return a new tensor, or change the NumPy array first."
        )

    def __len__(self) -> int:
        dims = self.dims  # type: ignore[attr-defined]
        if not dims:
            raise DTypeError("len() of a tensor of rank 0.")
        if not isinstance(dims[0], int):
            raise TraceError(
                f"len() of a tensor whose first dimension ({dims[0]}) is not known yet. Use lamina.ops.shape(x)[0]."
            )
        return dims[0]

    def __iter__(self) -> Iterator[Any]:
        for i in range(len(self)):
            yield self[i]

    def __contains__(self, value: Any) -> bool:
        return bool((self == value).numpy().any())
