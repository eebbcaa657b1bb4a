"""Loads and stores: single elements, neighbouring ones as a vector, or scattered ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.base import dtypes
from lamina.base.dims import Dimension
from lamina.codegen.scopes import VectorContext, is_multiple
from lamina.codegen.values import LLVM_TYPES, Value, vector_type
from lamina.schedule.expr import Buffer, Expr
from lamina.schedule.loops import Store

if TYPE_CHECKING:
    from lamina.codegen.emitter import KernelEmitter


class MemoryAccess:
    """Writes the loads and stores of one kernel."""

    def __init__(self, emitter: KernelEmitter):
        self.emitter = emitter
        self.ops = emitter.ops

    def pointer(self, buffer: Buffer, index: Value) -> str:
        type_ = _memory_type(buffer.dtype)
        return self.ops.emit(f"getelementptr {type_}, ptr {self.emitter.pointers[buffer]}, i64 {index.text}")

    def contiguous(self, index: Expr) -> bool:
        """Whether neighbouring lanes read neighbouring elements."""
        if self.emitter.vector is None or self.emitter.vector.variable not in index.depends:
            return False
        return _stride(index, self.emitter.vector.variable) == 1

    def _base(self, index: Expr) -> Value:
        """The index of lane 0: everything but the vector variable is computed outside of the loop."""
        assert self.emitter.vector is not None
        if index is self.emitter.vector.variable:
            return self.emitter.vector.position
        coefficients, constant = index.attr
        rest: Value | None = None
        for atom, coefficient in zip(index.args, coefficients):
            if atom is not self.emitter.vector.variable:
                term = self._product(atom, coefficient)
                rest = term if rest is None else self.emitter.hoisted("add", rest, term, index)
        if constant != 0:
            number = self.emitter.dimension(constant)
            rest = number if rest is None else self.emitter.hoisted("add", rest, number, index)
        return self.emitter.vector.position if rest is None else self.ops.add(rest, self.emitter.vector.position)

    def _product(self, atom: Expr, coefficient: Dimension) -> Value:
        value = self.emitter.value(atom)
        if coefficient == 1:
            return value
        return self.emitter.hoisted("mul", value, self.emitter.dimension(coefficient), atom)

    def load(self, e: Expr) -> Value:
        buffer, index = e.attr, e.args[0]
        if self.contiguous(index):
            assert self.emitter.vector is not None
            return self._load_vector(buffer, self._base(index), self.emitter.vector)
        position = self.emitter.value(index)
        if position.lanes > 1:
            return self._gather(buffer, position)
        type_ = _memory_type(buffer.dtype)
        text = self.ops.emit(f"load {type_}, ptr {self.pointer(buffer, position)}")
        return self._from_memory(Value(text, _memory_dtype(buffer.dtype)), buffer.dtype)

    def _load_vector(self, buffer: Buffer, base: Value, vector: VectorContext) -> Value:
        dtype = _memory_dtype(buffer.dtype)
        type_ = vector_type(dtype, vector.lanes)
        pointer = self.pointer(buffer, base)
        align = dtypes.size(buffer.dtype)
        if vector.mask is None:
            text = self.ops.emit(f"load {type_}, ptr {pointer}, align {align}")
        else:
            name = f"llvm.masked.load.v{vector.lanes}{_suffix(dtype)}.p0"
            arguments = [f"ptr align {align} {pointer}", vector.mask.typed, f"{type_} zeroinitializer"]
            text = self.ops.intrinsic(name, type_, arguments)
        return self._from_memory(Value(text, dtype, vector.lanes), buffer.dtype)

    def _pointers(self, buffer: Buffer, position: Value) -> str:
        type_ = _memory_type(buffer.dtype)
        return self.ops.emit(f"getelementptr {type_}, ptr {self.emitter.pointers[buffer]}, {position.typed}")

    def _gather(self, buffer: Buffer, position: Value) -> Value:
        dtype, lanes = _memory_dtype(buffer.dtype), position.lanes
        type_, mask = vector_type(dtype, lanes), self._mask(lanes)
        name = f"llvm.masked.gather.v{lanes}{_suffix(dtype)}.v{lanes}p0"
        align = dtypes.size(buffer.dtype)
        pointers = f"<{lanes} x ptr> align {align} {self._pointers(buffer, position)}"
        arguments = [pointers, mask.typed, f"{type_} zeroinitializer"]
        return self._from_memory(Value(self.ops.intrinsic(name, type_, arguments), dtype, lanes), buffer.dtype)

    def _mask(self, lanes: int) -> Value:
        if self.emitter.vector is not None and self.emitter.vector.mask is not None:
            return self.emitter.vector.mask
        return Value("splat (i1 true)", "bool", lanes)

    def _from_memory(self, value: Value, dtype: str) -> Value:
        if dtype == "bool":
            return self.ops.ne(value, self.ops.const(0, "uint8"))
        return Value(value.text, dtype, value.lanes)

    def store(self, statement: Store, value: Value) -> None:
        buffer, index, vector = statement.buffer, statement.index, self.emitter.vector
        value = self.ops.cast(value, _memory_dtype(buffer.dtype))
        align = dtypes.size(buffer.dtype)
        if vector is None or vector.lanes == 1 or vector.variable not in index.depends:
            pointer = self.pointer(buffer, self.emitter.value(index))
            self.ops.lines.append(f"  store {value.typed}, ptr {pointer}, align {align}")
            return
        value = self.ops.splat(value, vector.lanes)
        if not self.contiguous(index):
            self._scatter(buffer, self.emitter.value(index), value, align)
            return
        pointer = self.pointer(buffer, self._base(index))
        if vector.mask is None:
            hint = f"align {align}"
            if self._bypasses_caches(buffer, index, vector):
                hint = f"align {self.emitter.target.vector_bytes}, !nontemporal !0"
            self.ops.lines.append(f"  store {value.typed}, ptr {pointer}, {hint}")
        else:
            name = f"llvm.masked.store.v{vector.lanes}{_suffix(value.dtype)}.p0"
            self.ops.intrinsic(name, "void", [value.typed, f"ptr align {align} {pointer}", vector.mask.typed])

    def _bypasses_caches(self, buffer: Buffer, index: Expr, vector: VectorContext) -> bool:
        """Whether a store goes straight to memory: the buffer is larger than what caches could keep until it is read.

        An ordinary store first reads the line that it will overwrite. Straight ones must lie on whole vectors, as
        the memory of programs and of large results does; state and inputs are the user's and may not. Two streams
        of them in one loop were slower than two of ordinary stores.
        """
        target = self.emitter.target
        size = buffer.size()
        if not target.name.startswith(("avx", "sse")) or buffer.role not in ("output", "temporary"):
            return False
        large = isinstance(size, int) and size >= target.caches[2] // 2
        return large and vector.streaming and is_multiple(index, vector.lanes, ignored=vector.variable)

    def _scatter(self, buffer: Buffer, position: Value, value: Value, align: int) -> None:
        lanes = value.lanes
        pointers = f"<{lanes} x ptr> align {align} {self._pointers(buffer, position)}"
        name = f"llvm.masked.scatter.v{lanes}{_suffix(value.dtype)}.v{lanes}p0"
        self.ops.intrinsic(name, "void", [value.typed, pointers, self._mask(lanes).typed])


def _stride(index: Expr, variable: Expr) -> Dimension | None:
    """How far apart neighbouring lanes are, None where that is not a fixed distance."""
    if index is variable:
        return 1
    if index.op != "affine":
        return None
    stride: Dimension | None = None
    for atom, coefficient in zip(index.args, index.attr[0]):
        if atom is variable:
            stride = coefficient
        elif variable in atom.depends:
            return None
    return stride


def _memory_dtype(dtype: str) -> str:
    return "uint8" if dtype == "bool" else dtype


def _memory_type(dtype: str) -> str:
    return LLVM_TYPES[_memory_dtype(dtype)]


def _suffix(dtype: str) -> str:
    return {"float": "f32", "double": "f64", "half": "f16", "bfloat": "bf16"}.get(LLVM_TYPES[dtype], LLVM_TYPES[dtype])
