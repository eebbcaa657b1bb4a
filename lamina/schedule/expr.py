"""Scalar expressions of a kernel, and the builder that makes them.

An expression is a DAG of scalar operations on loop variables, constants and loads; equal ones are one object.
Integer arithmetic is kept as `sum(coefficient * atom) + constant`, so that an index that went through
reshapes and transposes comes out as simple as if it had been written by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from lamina.base import dtypes
from lamina.base.dims import Dim, Dimension, divide
from lamina.base.errors import CompileError
from lamina.schedule.buffer import Buffer

INDEX = "int64"

COMPARISONS = {"eq", "ne", "lt", "le", "gt", "ge"}
UNARY = {"neg", "abs", "sqrt", "floor", "ceil", "round", "trunc", "exp", "expm1", "log", "log1p", "tanh", "sin", "cos",
         "erf", "rsqrt", "bit_not"}  # fmt: skip
BINARY = {"add", "sub", "mul", "div", "min", "max", "rem", "floordiv", "bit_and", "bit_or", "bit_xor", "shift_left",
          "shift_right", "pow", "arctan2"} | COMPARISONS  # fmt: skip


class Expr:
    """One scalar value. `depends` holds the loop variables, accumulators and written buffers that it reads."""

    __slots__ = ("args", "attr", "depends", "dtype", "op")

    def __init__(self, op: str, args: tuple[Expr, ...], dtype: str, attr: Any, depends: frozenset[Any]):
        self.op = op
        self.args = args
        self.dtype = dtype
        self.attr = attr
        self.depends = depends

    def __repr__(self) -> str:
        return f"<{self.op} {self.dtype}>"


class Builder:
    """Makes expressions; the `b` that a primitive's `lower` receives."""

    def __init__(self) -> None:
        self._known: dict[Any, Expr] = {}
        self._variables = 0

    if TYPE_CHECKING:
        # Operations without rules of their own; they are added below the class.
        def __getattr__(self, operation: str) -> Callable[..., Expr]: ...

    # Making and remembering

    def make(self, op: str, args: tuple[Expr, ...], dtype: str, attr: Any = None, own: Iterable[Any] = ()) -> Expr:
        key = (op, tuple(map(id, args)), dtype, _attr_key(attr))
        found = self._known.get(key)
        if found is None:
            depends = frozenset(own).union(*(a.depends for a in args))
            found = self._known[key] = Expr(op, args, dtype, attr, depends)
        return found

    def variable(self, extent: Dimension) -> Expr:
        """A new loop variable that runs from 0 to `extent`."""
        name = f"i{self._variables}"
        self._variables += 1
        result = self.make("var", (), INDEX, (name, extent))
        result.depends = frozenset([result])
        return result

    def const(self, value: Any, dtype: str) -> Expr:
        kind = float if dtypes.is_float(dtype) else bool if dtype == "bool" else int
        return self.make("const", (), dtype, kind(value))

    def dim(self, dimension: Dimension) -> Expr:
        """The number that a dimension has when the program runs."""
        return self._sum({}, dimension)

    def load(self, buffer: Buffer, index: Expr) -> Expr:
        """The element of a buffer at a linear index."""
        return self.make("load", (index,), buffer.dtype, buffer, own=(buffer,))

    def accumulator(self, name: str, dtype: str) -> Expr:
        """The present value of a variable that statements change."""
        result = self.make("accumulator", (), dtype, name)
        result.depends = frozenset([result])
        return result

    # Integers as sums of products

    def _terms(self, e: Expr) -> tuple[dict[Expr, Dimension], Dimension]:
        if e.op == "const":
            return {}, int(e.attr)
        if e.op == "dim":
            return {}, e.attr
        if e.op == "affine":
            return dict(zip(e.args, e.attr[0])), e.attr[1]
        return {e: 1}, 0

    def _sum(self, terms: dict[Expr, Dimension], constant: Dimension) -> Expr:
        kept, constant = self._recombine({a: c for a, c in terms.items() if c != 0}, constant)
        if not kept:
            if isinstance(constant, Dim):
                return self.make("dim", (), INDEX, constant)
            return self.make("const", (), INDEX, constant)
        if len(kept) == 1 and constant == 0:
            ((atom, coefficient),) = kept.items()
            if coefficient == 1:
                return atom
        return self.make("affine", tuple(kept), INDEX, (tuple(kept.values()), constant))

    def _recombine(self, terms: dict[Expr, Dimension], constant: Dimension) -> tuple[dict[Expr, Dimension], Dimension]:
        """Turns n*c*(e // n) + c*(e % n) back into c*e."""
        for rest in [a for a in terms if a.op == "rem" and a.args[1].op in ("const", "dim")]:
            base, divisor, scale = rest.args[0], rest.args[1].attr, terms[rest]
            for other in terms:
                same = other.op == "floordiv" and other.args[0] is base and other.args[1] is rest.args[1]
                if not same or terms[other] != _product(scale, divisor):
                    continue
                inner, offset = self._terms(base)
                if any(_product(c, scale) is None for c in (*inner.values(), offset)):
                    continue
                left = {a: c for a, c in terms.items() if a is not rest and a is not other}
                for atom, coefficient in inner.items():
                    left[atom] = left.get(atom, 0) + coefficient * scale
                return self._recombine({a: c for a, c in left.items() if c != 0}, constant + offset * scale)
        return terms, constant

    def _add_index(self, x: Expr, y: Expr, sign: int) -> Expr:
        terms, constant = self._terms(x)
        more, other = self._terms(y)
        for atom, coefficient in more.items():
            terms[atom] = terms.get(atom, 0) + coefficient * sign
        return self._sum(terms, constant + other * sign)

    def _mul_index(self, x: Expr, y: Expr) -> Expr:
        (xs, x0), (ys, y0) = self._terms(x), self._terms(y)
        if xs and ys:
            return self.make("mul", (x, y), INDEX)
        if ys:
            xs, x0, y0 = ys, y0, x0
        if isinstance(y0, Dim) and (isinstance(x0, Dim) or any(isinstance(c, Dim) for c in xs.values())):
            return self.make("mul", (x, y), INDEX)
        return self._sum({a: c * y0 for a, c in xs.items()}, x0 * y0)

    def bounds(self, e: Expr) -> tuple[int, Dimension] | None:
        """The lowest and highest value that an index takes, where that is known."""
        if e.op == "var":
            return 0, e.attr[1] - 1
        if e.op == "rem" and e.args[1].op in ("const", "dim"):
            return 0, e.args[1].attr - 1
        if e.op == "floordiv" and e.args[1].op == "const" and e.args[1].attr > 0:
            inner = self.bounds(e.args[0])
            if inner and inner[0] >= 0 and isinstance(inner[1], int):
                return 0, inner[1] // e.args[1].attr
            return None
        if e.op not in ("affine", "const", "dim"):
            return None
        terms, constant = self._terms(e)
        if isinstance(constant, Dim):
            return None
        low: int = constant
        high: Dimension = constant
        for atom, coefficient in terms.items():
            inner = self.bounds(atom)
            if inner is None:
                return None
            if isinstance(coefficient, int) and coefficient < 0:
                if not isinstance(inner[1], int):
                    return None
                low, high = low + coefficient * inner[1], high + coefficient * inner[0]
            elif isinstance(coefficient, int) or isinstance(inner[1], int):
                if inner[0] != 0 and isinstance(coefficient, Dim):
                    return None
                if isinstance(coefficient, int):
                    low += coefficient * inner[0]
                high = high + coefficient * inner[1]
            else:
                return None
        return low, high

    def _split(self, e: Expr, divisor: Dimension) -> tuple[Expr, Expr] | None:
        """Quotient and remainder of an index where both are plain sums."""
        terms, constant = self._terms(e)
        quotient: dict[Expr, Dimension] = {}
        rest: dict[Expr, Dimension] = {}
        for atom, coefficient in terms.items():
            part = divide(coefficient, divisor)
            if part is None:
                rest[atom] = coefficient
            else:
                quotient[atom] = part
        whole = divide(constant, divisor)
        left: Dimension = 0
        if whole is None:
            whole, left = 0, constant
            if isinstance(constant, int) and isinstance(divisor, int):
                whole, left = divmod(constant, divisor)
        remainder = self._sum(rest, left)
        limits = self.bounds(remainder)
        if limits is None or limits[0] < 0 or not _at_most(limits[1], divisor - 1):
            return None
        return self._sum(quotient, whole), remainder

    def floordiv(self, x: Expr, y: Expr) -> Expr:
        if x.dtype == INDEX and y.op in ("const", "dim") and y.attr != 0:
            split = self._split(x, y.attr)
            if split is not None:
                return split[0]
        return self._binary("floordiv", x, y)

    def rem(self, x: Expr, y: Expr) -> Expr:
        if x.dtype == INDEX and y.op in ("const", "dim") and y.attr != 0:
            split = self._split(x, y.attr)
            if split is not None:
                return split[1]
        return self._binary("rem", x, y)

    # Operations with rules of their own

    def add(self, x: Expr, y: Expr) -> Expr:
        return self._add_index(x, y, 1) if x.dtype == INDEX else self._binary("add", x, y)

    def sub(self, x: Expr, y: Expr) -> Expr:
        return self._add_index(x, y, -1) if x.dtype == INDEX else self._binary("sub", x, y)

    def mul(self, x: Expr, y: Expr) -> Expr:
        return self._mul_index(x, y) if x.dtype == INDEX else self._binary("mul", x, y)

    def neg(self, x: Expr) -> Expr:
        return self._mul_index(x, self.const(-1, INDEX)) if x.dtype == INDEX else self.make("neg", (x,), x.dtype)

    def fma(self, x: Expr, y: Expr, z: Expr) -> Expr:
        """x * y + z, rounded once where the machine can."""
        return self.make("fma", (x, y, z), x.dtype)

    def select(self, condition: Expr, x: Expr, y: Expr) -> Expr:
        if condition.op == "const":
            return x if condition.attr else y
        if x is y:
            return x
        self._same("select", x, y)
        return self.make("select", (condition, x, y), x.dtype)

    def cast(self, x: Expr, dtype: str) -> Expr:
        if x.dtype == dtype:
            return x
        if x.op == "const" and dtype not in ("float16", "bfloat16") and (dtypes.is_float(dtype) or x.dtype == "bool"):
            return self.const(x.attr, dtype)
        return self.make("cast", (x,), dtype)

    def bitcast(self, x: Expr, dtype: str) -> Expr:
        return x if x.dtype == dtype else self.make("bitcast", (x,), dtype)

    def check_index(self, index: Expr, size: Expr) -> Expr:
        """`index` where it lies in [0, size); otherwise reports it to the caller and gives a valid one."""
        limits = self.bounds(index)
        if limits and limits[0] >= 0 and size.op in ("const", "dim") and _at_most(limits[1], size.attr - 1):
            return index
        return self.make("check_index", (index, size), INDEX)

    def _binary(self, op: str, x: Expr, y: Expr) -> Expr:
        self._same(op, x, y)
        return self.make(op, (x, y), x.dtype)

    def _same(self, op: str, x: Expr, y: Expr) -> None:
        if x.dtype != y.dtype:
            raise CompileError(f"{op} of {x.dtype} and {y.dtype}: a primitive's lowering must cast first.")

    def _compare(self, op: str, x: Expr, y: Expr) -> Expr:
        self._same(op, x, y)
        known = self._known_order(op, x, y) if x.dtype == INDEX else None
        return self.const(known, "bool") if known is not None else self.make(op, (x, y), "bool")

    def _known_order(self, op: str, x: Expr, y: Expr) -> bool | None:
        """The answer of an index comparison that the bounds of loop variables decide."""
        limits = self.bounds(self.sub(x, y))
        if limits is None:
            return None
        low, high = limits
        never_positive = _at_most(high, 0)
        always = {"lt": _at_most(high, -1), "le": never_positive, "gt": low > 0, "ge": low >= 0}
        never = {"lt": low >= 0, "le": low > 0, "gt": never_positive, "ge": _at_most(high, -1)}
        if op in always:
            return True if always[op] else False if never[op] else None
        apart = low > 0 or _at_most(high, -1)
        return (op == "ne") if apart else (op == "eq") if low == 0 and high == 0 else None

    def bit_and(self, x: Expr, y: Expr) -> Expr:
        for known, other in ((x, y), (y, x)):
            if known.op == "const" and known.dtype == "bool":
                return other if known.attr else known
        return self._binary("bit_and", x, y)

    def bit_or(self, x: Expr, y: Expr) -> Expr:
        for known, other in ((x, y), (y, x)):
            if known.op == "const" and known.dtype == "bool":
                return known if known.attr else other
        return self._binary("bit_or", x, y)

    def linear(self, index: tuple[Expr, ...], shape: tuple[Dimension, ...]) -> Expr:
        """The row-major position of a multi-index."""
        result = self.const(0, INDEX)
        stride: Dimension = 1
        for i, extent in zip(reversed(index), reversed(shape)):
            result = self.add(result, self.mul(i, self.dim(stride)))
            stride = stride * extent if stride != 1 else extent
        return result

    def substitute(self, e: Expr, mapping: Mapping[Expr, Expr], memo: dict[Expr, Expr] | None = None) -> Expr:
        """`e` with some expressions replaced, simplified anew."""
        memo = {} if memo is None else memo
        for item in expressions([e], lambda x: x in mapping or x in memo):
            if item not in memo:
                memo[item] = mapping[item] if item in mapping else self._rebuild(item, [memo[a] for a in item.args])
        return memo[e]

    def _rebuild(self, e: Expr, args: list[Expr]) -> Expr:
        if all(a is b for a, b in zip(args, e.args)):
            return e
        if e.op == "affine":
            result = self.dim(e.attr[1])
            for atom, coefficient in zip(args, e.attr[0]):
                result = self.add(result, self.mul(atom, self.dim(coefficient)))
            return result
        if e.op == "load":
            return self.load(e.attr, args[0])
        if e.op in ("cast", "bitcast"):
            return getattr(self, e.op)(args[0], e.dtype)
        return getattr(self, e.op)(*args)


def _plain(op: str) -> Callable[..., Expr]:
    if op in COMPARISONS:
        return lambda self, x, y: self._compare(op, x, y)
    if op in BINARY:
        return lambda self, x, y: self._binary(op, x, y)
    return lambda self, x: self.make(op, (x,), x.dtype)


for _name in sorted(UNARY | BINARY):
    if not hasattr(Builder, _name):
        setattr(Builder, _name, _plain(_name))


def _attr_key(attr: Any) -> Any:
    if isinstance(attr, float):
        return attr.hex()
    return id(attr) if isinstance(attr, Buffer) else (type(attr).__name__, attr)


def _product(a: Dimension, b: Dimension) -> Dimension | None:
    """The product, None where it is of two symbols."""
    return None if isinstance(a, Dim) and isinstance(b, Dim) else a * b


def _at_most(a: Dimension, b: Dimension) -> bool:
    """Whether a <= b whatever the symbols are; symbols are never negative."""
    gap = b - a
    if isinstance(gap, int):
        return gap >= 0
    return gap.constant >= 0 and all(c >= 0 for _, c in gap.terms)


def expressions(roots: Iterable[Expr], known: Callable[[Expr], bool] | None = None) -> list[Expr]:
    """Every expression that the roots need, operands first, each once.

    Args:
        known: what holds for it needs nothing below it.
    """
    seen: dict[Expr, None] = {}
    for root in roots:
        stack = [root]
        while stack:
            e = stack.pop()
            if e in seen:
                continue
            below = [a for a in e.args if a not in seen]
            if not below or (known is not None and known(e)):
                seen[e] = None
            else:
                stack.append(e)
                stack += below
    return list(seen)
