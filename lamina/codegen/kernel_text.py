"""Writes one function of LLVM text at a time: what the matrix-multiply kernels and the packing routines share."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from lamina.base import dtypes
from lamina.base.errors import CompileError
from lamina.schedule.target import Target

_TYPES = {"float32": "float", "float64": "double", "int32": "i32", "int64": "i64"}
_SUFFIXES = {"float32": "f32", "float64": "f64", "int32": "i32", "int64": "i64"}


class Routine(NamedTuple):
    """A function of LLVM text; intrinsics need no declaration."""

    name: str
    text: str


class KernelText:
    """Collects the lines of one function, and hands out names."""

    def __init__(self, target: Target, dtype: str):
        if dtype not in _TYPES:
            known = ", ".join(_TYPES)
            raise CompileError(f"no matrix kernel for dtype {dtype!r}: cast to one of {known} while packing.")
        self.target = target
        self.lanes = target.lanes(dtype)
        self.size = dtypes.size(dtype)
        self.element = _TYPES[dtype]
        self.vector = f"<{self.lanes} x {self.element}>" if self.lanes > 1 else self.element
        self.suffix = f"v{self.lanes}{_SUFFIXES[dtype]}" if self.lanes > 1 else _SUFFIXES[dtype]
        self.is_float = dtypes.is_float(dtype)
        self.lines: list[str] = []
        self._count = 0

    def name(self) -> str:
        self._count += 1
        return f"%v{self._count}"

    def line(self, text: str) -> None:
        self.lines.append(f"  {text}")

    def label(self, name: str) -> None:
        self.lines.append(f"{name}:")

    def value(self, text: str) -> str:
        name = self.name()
        self.line(f"{name} = {text}")
        return name

    def address(self, pointer: str, offset: str | int) -> str:
        """`pointer` moved by `offset` bytes."""
        if offset == 0:
            return pointer
        return self.value(f"getelementptr i8, ptr {pointer}, i64 {offset}")

    def load(self, pointer: str, mask: str | None = None) -> str:
        if mask is None:
            return self.value(f"load {self.vector}, ptr {pointer}, align {self.size}")
        return self.value(
            f"call {self.vector} @llvm.masked.load.{self.suffix}.p0(ptr align {self.size} {pointer}, "
            f"<{self.lanes} x i1> {mask}, {self.vector} zeroinitializer)"
        )

    def store(self, value: str, pointer: str, mask: str | None = None) -> None:
        if mask is None:
            self.line(f"store {self.vector} {value}, ptr {pointer}, align {self.size}")
            return
        self.line(
            f"call void @llvm.masked.store.{self.suffix}.p0({self.vector} {value}, "
            f"ptr align {self.size} {pointer}, <{self.lanes} x i1> {mask})"
        )

    def broadcast(self, pointer: str) -> str:
        """The element at `pointer`, in every lane."""
        scalar = self.value(f"load {self.element}, ptr {pointer}, align {self.size}")
        return self.splat(scalar, self.element)

    def splat(self, scalar: str, element: str) -> str:
        if self.lanes == 1:
            return scalar
        vector = f"<{self.lanes} x {element}>"
        first = self.value(f"insertelement {vector} poison, {element} {scalar}, i64 0")
        return self.value(f"shufflevector {vector} {first}, {vector} poison, <{self.lanes} x i32> zeroinitializer")

    def multiply_add(self, a: str, b: str, c: str) -> str:
        v = self.vector
        if self.is_float and self.target.has_fma:
            return self.value(f"call {v} @llvm.fma.{self.suffix}({v} {a}, {v} {b}, {v} {c})")
        prefix = "f" if self.is_float else ""
        product = self.value(f"{prefix}mul {v} {a}, {b}")
        return self.value(f"{prefix}add {v} {c}, {product}")

    def add(self, a: str, b: str) -> str:
        return self.value(f"{'fadd' if self.is_float else 'add'} {self.vector} {a}, {b}")

    def lane_mask(self, count: str, first: int) -> str:
        """True in lane i where `first + i < count` (an i64)."""
        narrow = self.value(f"trunc i64 {count} to i32")
        limit = self.splat(narrow, "i32")
        numbers = ", ".join(f"i32 {first + i}" for i in range(self.lanes))
        return self.value(f"icmp ult <{self.lanes} x i32> <{numbers}>, {limit}")

    def counted_loop(self, label: str, count: str, emit: Callable[[str], None], step: int = 1) -> None:
        """`for i in range(0, count - step + 1, step): emit(i)`; `emit` may branch, and leaves at its last block."""
        index, following = f"%{label}_i", f"%{label}_next"
        self.line(f"br label %{label}_enter")
        self.label(f"{label}_enter")
        some = self.value(f"icmp sge i64 {count}, {step}")
        self.line(f"br i1 {some}, label %{label}, label %{label}_exit")
        self.label(label)
        self.line(f"{index} = phi i64 [ 0, %{label}_enter ], [ {following}, %{label}_latch ]")
        emit(index)
        self.line(f"br label %{label}_latch")
        self.label(f"{label}_latch")
        self.line(f"{following} = add i64 {index}, {step}")
        end = self.value(f"add i64 {following}, {step}")
        again = self.value(f"icmp sle i64 {end}, {count}")
        self.line(f"br i1 {again}, label %{label}, label %{label}_exit")
        self.label(f"{label}_exit")
