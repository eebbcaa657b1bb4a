"""Dimensions: an int, or an expression of symbols such as the size of the batch.

`Dim("batch") * 4 + 1` is a `Dim`; arithmetic whose symbols cancel gives a plain int back, so that
`isinstance(d, int)` asks whether a dimension is known.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Union

from lamina.base.errors import ShapeError


class Dim:
    """An expression `constant + sum(coefficient * symbol)`; immutable, compared by value.

    A product of symbols, as in the size of a table of all pairs in a batch, is a term whose name joins them
    with `*`: `batch*batch`.

    Args:
        symbol: name of a symbol, which stands for itself.
    """

    __slots__ = ("_hash", "constant", "terms")

    terms: tuple[tuple[str, int], ...]
    constant: int

    def __init__(self, symbol: str):
        self._set(((symbol, 1),), 0)

    def _set(self, terms: tuple[tuple[str, int], ...], constant: int) -> None:
        self.terms = terms
        self.constant = constant
        self._hash = hash((terms, constant))

    @staticmethod
    def make(terms: Mapping[str, int], constant: int) -> Dimension:
        """Builds the expression, or the int that it amounts to."""
        kept = tuple(sorted((s, c) for s, c in terms.items() if c))
        if not kept:
            return constant
        result = Dim.__new__(Dim)
        result._set(kept, constant)
        return result

    def __add__(self, other: Dimension) -> Dimension:
        if isinstance(other, int):
            return Dim.make(dict(self.terms), self.constant + other)
        if not isinstance(other, Dim):
            return NotImplemented
        terms = dict(self.terms)
        for symbol, coefficient in other.terms:
            terms[symbol] = terms.get(symbol, 0) + coefficient
        return Dim.make(terms, self.constant + other.constant)

    __radd__ = __add__

    def __neg__(self) -> Dimension:
        return self * -1

    def __sub__(self, other: Dimension) -> Dimension:
        return self + (-other)

    def __rsub__(self, other: Dimension) -> Dimension:
        return (-self) + other

    def __mul__(self, other: Dimension) -> Dimension:
        if isinstance(other, int):
            return Dim.make({s: c * other for s, c in self.terms}, self.constant * other)
        if not isinstance(other, Dim):
            return NotImplemented
        terms: dict[str, int] = {}
        for s, c in (*self.terms, ("", self.constant)):
            for t, d in (*other.terms, ("", other.constant)):
                name = "*".join(sorted(part for part in (*s.split("*"), *t.split("*")) if part))
                terms[name] = terms.get(name, 0) + c * d
        return Dim.make(terms, terms.pop("", 0))

    __rmul__ = __mul__

    def __floordiv__(self, other: Dimension) -> Dimension:
        """Exact division only: a remainder that depends on a symbol is an error."""
        quotient = divide(self, other)
        if quotient is None:
            raise ShapeError(
                f"The dimension {self} is not known to be divisible by {other}. "
                "Give the unknown dimension a fixed size."
            )
        return quotient

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dim) and self.terms == other.terms and self.constant == other.constant

    def __hash__(self) -> int:
        return self._hash

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        parts = [s if c == 1 else f"{c}*{s}" for s, c in self.terms]
        if self.constant:
            parts.append(str(self.constant))
        return "+".join(parts).replace("+-", "-")


Dimension = Union[int, Dim]
Shape = tuple[Dimension, ...]


def divide(a: Dimension, b: Dimension) -> Dimension | None:
    """`a / b` where that is exact for every value of the symbols, else None."""
    if isinstance(b, Dim):
        if not isinstance(a, Dim):
            return 0 if a == 0 else None
        factor = a.terms[0][1] // b.terms[0][1] or 1
        return factor if b * factor == a else None
    if b == 0:
        return None
    if isinstance(a, Dim):
        if a.constant % b or any(c % b for _, c in a.terms):
            return None
        return Dim.make({s: c // b for s, c in a.terms}, a.constant // b)
    return a // b if a % b == 0 else None


def evaluate(dimension: Dimension, symbols: Mapping[str, int]) -> int:
    """The number that a dimension is when its symbols have these values."""
    if isinstance(dimension, int):
        return dimension
    return dimension.constant + sum(c * _product(s, symbols) for s, c in dimension.terms)


def _product(term: str, symbols: Mapping[str, int]) -> int:
    return symbols[term] if "*" not in term else math.prod(symbols[s] for s in term.split("*"))


def evaluate_shape(shape: Iterable[Dimension], symbols: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(d if isinstance(d, int) else evaluate(d, symbols) for d in shape)


def element_count(shape: Iterable[Dimension]) -> Dimension:
    """The number of elements of a shape; known factors first, so that one unknown dimension is fine."""
    known = 1
    unknown: list[Dim] = []
    for d in shape:
        if isinstance(d, int):
            known *= d
        else:
            unknown.append(d)
    result: Dimension = known
    for d in unknown:
        result = result * d
    return result


def symbols_of(shape: Iterable[Dimension]) -> set[str]:
    return {symbol for d in shape if isinstance(d, Dim) for term, _ in d.terms for symbol in term.split("*")}


def is_static(shape: Iterable[Dimension]) -> bool:
    return all(isinstance(d, int) for d in shape)


def format_shape(shape: Iterable[Dimension]) -> str:
    """A shape as Keras prints it, with names for unknown dimensions: `(batch, 28, 28)`."""
    items = [str(d) for d in shape]
    return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"
