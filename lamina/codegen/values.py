"""LLVM text for scalar operations, on one element or on a vector of them.

`Values` speaks the same protocol as `lamina.schedule.expr.Builder`, so the vector maths are written once and
serve here; its values are names of LLVM registers. The text goes to whichever list of lines is current.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

from lamina.base import dtypes
from lamina.base.errors import CompileError
from lamina.codegen import halves, rounding
from lamina.codegen.vector_math import FUNCTIONS
from lamina.schedule.target import Target

LLVM_TYPES = {"bool": "i1", "int8": "i8", "uint8": "i8", "int16": "i16", "uint16": "i16", "int32": "i32",
              "uint32": "i32", "int64": "i64", "uint64": "i64", "float16": "half", "bfloat16": "bfloat",
              "float32": "float", "float64": "double"}  # fmt: skip
_FLOAT_PREDICATES = {"eq": "oeq", "ne": "une", "lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge"}
_PRESENT_ROUNDING = 4
# Targets with instructions that convert float16; elsewhere LLVM would call a library that is not there.
_HAVE_FLOAT16 = ("avx512", "avx2", "neon")
_ROUNDINGS = {"floor": "floor", "ceil": "ceil", "trunc": "trunc", "round": "rint"}


class Value(NamedTuple):
    """A register or a literal, its dtype, and how many lanes it has (1: a scalar)."""

    text: str
    dtype: str
    lanes: int = 1

    @property
    def type(self) -> str:
        return vector_type(self.dtype, self.lanes)

    @property
    def typed(self) -> str:
        return f"{self.type} {self.text}"


def vector_type(dtype: str, lanes: int) -> str:
    scalar = LLVM_TYPES[dtype]
    return scalar if lanes == 1 else f"<{lanes} x {scalar}>"


def literal(value: float | int | bool, dtype: str) -> str:
    """A constant as LLVM writes it: floats as the bits of a double, which is exact."""
    if dtype == "bool":
        return "true" if value else "false"
    if not dtypes.is_float(dtype):
        bits = dtypes.size(dtype) * 8
        wrapped = int(value) & ((1 << bits) - 1)
        return str(wrapped - (1 << bits) if wrapped >> (bits - 1) else wrapped)
    number = float(value)
    if dtype == "float32":
        try:
            number = struct.unpack("f", struct.pack("f", number))[0]
        except OverflowError:
            number = float("inf") if number > 0 else float("-inf")
    return f"0x{struct.unpack('>Q', struct.pack('>d', number))[0]:016X}"


class Values:
    """Emits operations, one LLVM instruction a line.

    Attributes:
        lines: where the next instruction goes.
    """

    def __init__(self, target: Target):
        self.target = target
        self.lines: list[str] = []
        self._count = 0

    def fresh(self) -> str:
        self._count += 1
        return f"%t{self._count}"

    def emit(self, text: str) -> str:
        name = self.fresh()
        self.lines.append(f"  {name} = {text}")
        return name

    def intrinsic(self, name: str, result: str, arguments: list[str]) -> str:
        if result == "void":
            self.lines.append(f"  call void @{name}({', '.join(arguments)})")
            return ""
        return self.emit(f"call {result} @{name}({', '.join(arguments)})")

    # Shapes of values

    def splat(self, x: Value, lanes: int) -> Value:
        if x.lanes == lanes:
            return x
        if not x.text.startswith("%"):
            return Value(f"splat ({LLVM_TYPES[x.dtype]} {x.text})", x.dtype, lanes)
        type_ = vector_type(x.dtype, lanes)
        one = self.emit(f"insertelement {type_} poison, {x.typed}, i64 0")
        zeros = f"<{lanes} x i32> zeroinitializer"
        return Value(self.emit(f"shufflevector {type_} {one}, {type_} poison, {zeros}"), x.dtype, lanes)

    def _meet(self, *values: Value) -> list[Value]:
        lanes = max(v.lanes for v in values)
        return [self.splat(v, lanes) for v in values]

    def const(self, value: float | int | bool, dtype: str) -> Value:
        return Value(literal(value, dtype), dtype)

    def _suffix(self, x: Value) -> str:
        scalar = {"float": "f32", "double": "f64", "half": "f16"}.get(LLVM_TYPES[x.dtype], LLVM_TYPES[x.dtype])
        return scalar if x.lanes == 1 else f"v{x.lanes}{scalar}"

    def call(self, name: str, *values: Value) -> Value:
        met = self._meet(*values)
        suffix = self._suffix(met[0])
        text = self.intrinsic(f"llvm.{name}.{suffix}", met[0].type, [v.typed for v in met])
        return Value(text, met[0].dtype, met[0].lanes)

    def two(self, instruction: str, x: Value, y: Value, dtype: str | None = None) -> Value:
        x, y = self._meet(x, y)
        return Value(self.emit(f"{instruction} {x.type} {x.text}, {y.text}"), dtype or x.dtype, x.lanes)

    # Arithmetic

    def add(self, x: Value, y: Value) -> Value:
        return self.two("fadd" if dtypes.is_float(x.dtype) else "add", x, y)

    def sub(self, x: Value, y: Value) -> Value:
        return self.two("fsub" if dtypes.is_float(x.dtype) else "sub", x, y)

    def mul(self, x: Value, y: Value) -> Value:
        return self.two("fmul" if dtypes.is_float(x.dtype) else "mul", x, y)

    def div(self, x: Value, y: Value) -> Value:
        if not dtypes.is_float(x.dtype):
            raise CompileError(f"div of {x.dtype}: integers divide with floordiv.")
        return self.two("fdiv", x, y)

    def neg(self, x: Value) -> Value:
        if dtypes.is_float(x.dtype):
            return Value(self.emit(f"fneg {x.typed}"), x.dtype, x.lanes)
        return self.sub(self.const(0, x.dtype), x)

    def fma(self, x: Value, y: Value, z: Value) -> Value:
        if not self.target.has_fma:
            return self.add(self.mul(x, y), z)
        return self.call("fma", x, y, z)

    def abs(self, x: Value) -> Value:
        if dtypes.is_float(x.dtype):
            return self.call("fabs", x)
        if not dtypes.is_signed(x.dtype):
            return x
        return self.select(self.lt(x, self.const(0, x.dtype)), self.neg(x), x)

    def _extreme(self, order: str, x: Value, y: Value) -> Value:
        if not dtypes.is_float(x.dtype):
            return self.select(getattr(self, order)(x, y), x, y)
        if _is_number(x) and not _is_number(y):
            x, y = y, x
        unordered = "ugt" if order == "gt" else "ult"
        if _is_number(y):
            return self.select(self._compare(unordered, x, y), x, y)
        strict = self._compare("o" + unordered[1:], x, y)
        nan = self._compare("uno", x, x)
        return self.select(self.two("or", strict, nan), x, y)

    def max(self, x: Value, y: Value) -> Value:
        return self._extreme("gt", x, y)

    def min(self, x: Value, y: Value) -> Value:
        return self._extreme("lt", x, y)

    def scale(self, x: Value, power: Value) -> Value | None:
        """x * 2**power for a whole `power`, rounded once; None where the machine has no instruction for it."""
        if self.target.name != "avx512" or (x.type, power.type) != ("<16 x float>", "<16 x float>"):
            return None
        arguments = [x.typed, power.typed, f"{x.type} zeroinitializer", "i16 -1", f"i32 {_PRESENT_ROUNDING}"]
        return Value(self.intrinsic("llvm.x86.avx512.mask.scalef.ps.512", x.type, arguments), x.dtype, x.lanes)

    def sqrt(self, x: Value) -> Value:
        return self.call("sqrt", x)

    def floor(self, x: Value) -> Value:
        return self._rounded("floor", x)

    def ceil(self, x: Value) -> Value:
        return self._rounded("ceil", x)

    def trunc(self, x: Value) -> Value:
        return self._rounded("trunc", x)

    def round(self, x: Value) -> Value:
        return self._rounded("round", x)

    def _rounded(self, how: str, x: Value) -> Value:
        if not dtypes.is_float(x.dtype):
            return x
        if self.target.name in ("sse2", "scalar"):
            return rounding.by_hand(self, how, x)
        return self.call(_ROUNDINGS[how], x)

    def rem(self, x: Value, y: Value) -> Value:
        """Remainder with the sign of the divisor, as Python has it."""
        return rounding.remainder(self, x, y)

    def floordiv(self, x: Value, y: Value) -> Value:
        return rounding.floor_division(self, x, y)

    # Comparison and choice

    def _compare(self, predicate: str, x: Value, y: Value) -> Value:
        return self.two(f"fcmp {predicate}", x, y, "bool")

    def _ordered(self, op: str, x: Value, y: Value) -> Value:
        if dtypes.is_float(x.dtype):
            return self._compare(_FLOAT_PREDICATES[op], x, y)
        sign = "" if op in ("eq", "ne") else "s" if dtypes.is_signed(x.dtype) else "u"
        return self.two(f"icmp {sign}{op}", x, y, "bool")

    def eq(self, x: Value, y: Value) -> Value:
        return self._ordered("eq", x, y)

    def ne(self, x: Value, y: Value) -> Value:
        return self._ordered("ne", x, y)

    def lt(self, x: Value, y: Value) -> Value:
        return self._ordered("lt", x, y)

    def le(self, x: Value, y: Value) -> Value:
        return self._ordered("le", x, y)

    def gt(self, x: Value, y: Value) -> Value:
        return self._ordered("gt", x, y)

    def ge(self, x: Value, y: Value) -> Value:
        return self._ordered("ge", x, y)

    def select(self, condition: Value, x: Value, y: Value) -> Value:
        condition, x, y = self._meet(condition, x, y)
        text = self.emit(f"select {condition.typed}, {x.typed}, {y.typed}")
        return Value(text, x.dtype, x.lanes)

    # Bits

    def bit_and(self, x: Value, y: Value) -> Value:
        return self.two("and", x, y)

    def bit_or(self, x: Value, y: Value) -> Value:
        return self.two("or", x, y)

    def bit_xor(self, x: Value, y: Value) -> Value:
        return self.two("xor", x, y)

    def bit_not(self, x: Value) -> Value:
        return self.bit_xor(x, self.const(-1 if x.dtype != "bool" else True, x.dtype))

    def shift_left(self, x: Value, y: Value) -> Value:
        return self._shift("shl", x, y, self.const(0, x.dtype))

    def shift_right(self, x: Value, y: Value) -> Value:
        if dtypes.is_signed(x.dtype):
            limit = self.const(dtypes.size(x.dtype) * 8 - 1, x.dtype)
            within = self.two("icmp ule", y, limit, "bool") if y.text.startswith("%") else None
            return self.two("ashr", x, y if within is None else self.select(within, y, limit))
        return self._shift("lshr", x, y, self.const(0, x.dtype))

    def _shift(self, instruction: str, x: Value, y: Value, beyond: Value) -> Value:
        """A shift by the width or more gives `beyond`, as in NumPy; LLVM leaves it undefined."""
        width = self.const(dtypes.size(x.dtype) * 8, x.dtype)
        if not y.text.startswith("%"):
            return self.two(instruction, x, y)
        within = self.two("icmp ult", y, width, "bool")
        return self.select(within, self.two(instruction, x, self.select(within, y, beyond)), beyond)

    # Conversions

    def bitcast(self, x: Value, dtype: str) -> Value:
        if LLVM_TYPES[dtype] == LLVM_TYPES[x.dtype]:
            return Value(x.text, dtype, x.lanes)
        return Value(self.emit(f"bitcast {x.typed} to {vector_type(dtype, x.lanes)}"), dtype, x.lanes)

    def cast(self, x: Value, dtype: str) -> Value:
        """Converts as NumPy does: floats to integers towards zero."""
        if x.dtype == dtype:
            return x
        if x.dtype == "bfloat16":
            return self.cast(halves.from_bfloat16(self, x), dtype)
        if dtype == "bfloat16":
            return halves.to_bfloat16(self, self.cast(x, "float32"))
        if x.dtype == "float16" and dtype != "float32":
            return self.cast(self.cast(x, "float32"), dtype)
        if dtype == "float16" and x.dtype != "float32":
            return self.cast(self.cast(x, "float32"), dtype)
        if "float16" in (x.dtype, dtype) and self.target.name not in _HAVE_FLOAT16:
            return halves.from_float16(self, x) if x.dtype == "float16" else halves.to_float16(self, x)
        if dtype == "bool":
            return self.ne(x, self.const(0, x.dtype))
        if dtypes.is_float(x.dtype) and not dtypes.is_float(dtype):
            return self._saturated(x, dtype)
        instruction = _conversion(x.dtype, dtype)
        if instruction is None:
            return Value(x.text, dtype, x.lanes)
        return Value(self.emit(f"{instruction} {x.typed} to {vector_type(dtype, x.lanes)}"), dtype, x.lanes)

    def _saturated(self, x: Value, dtype: str) -> Value:
        """Towards zero, and no further than the type goes; NaN gives 0."""
        result = Value("", dtype, x.lanes)
        kind = "fptosi" if dtypes.is_signed(dtype) else "fptoui"
        name = f"llvm.{kind}.sat.{self._suffix(result)}.{self._suffix(x)}"
        return Value(self.intrinsic(name, result.type, [x.typed]), dtype, x.lanes)


def _conversion(source: str, target: str) -> str | None:
    """The LLVM instruction between two types, None where the bits stay."""
    if dtypes.is_float(source) and dtypes.is_float(target):
        return "fpext" if dtypes.size(source) < dtypes.size(target) else "fptrunc"
    if dtypes.is_float(target):
        return "sitofp" if dtypes.is_signed(source) else "uitofp"
    if source == "bool":
        return "zext"
    a, b = dtypes.size(source), dtypes.size(target)
    if a == b:
        return None
    return "trunc" if a > b else "sext" if dtypes.is_signed(source) else "zext"


def _is_number(x: Value) -> bool:
    """Whether a value is a literal that is not a NaN."""
    return not x.text.startswith("%") and not x.text.startswith(("0x7FF8", "0xFFF8"))


def _maths(name: str) -> Callable[..., Value]:
    def emit(self: Values, *arguments: Value) -> Value:
        return FUNCTIONS[name](self, *self._meet(*arguments))

    return emit


for _name in FUNCTIONS:
    setattr(Values, _name, _maths(_name))
