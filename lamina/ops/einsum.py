"""Einstein's summation convention: subscripts to reductions and contractions of two operands at a time."""

from __future__ import annotations

from typing import Any

from lamina import primitives as P
from lamina.base.dims import format_shape
from lamina.base.errors import ArgumentError, ShapeError
from lamina.ops import core
from lamina.ops.core import Operand, apply, operands, positive
from lamina.ops.indexing import diagonal
from lamina.ops.reduction import sum
from lamina.ops.shaping import squeeze
from lamina.tensor.contraction import contract
from lamina.tensor.tensor import Tensor

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def einsum(subscripts: str, *operands_: Any) -> Tensor:
    """Sums of products as subscripts say: `einsum("ij,jk->ik", a, b)` is the matrix product.

    Args:
        subscripts: letters for the axes of each operand, divided by commas, and `->` with those of the result (by
            default, in alphabetical order, the letters that occur once). A letter twice in one operand takes the
            diagonal; `...` stands for axes that broadcast.
        operands_: any number of tensors; contracted from left to right.

    Raises:
        ArgumentError: if the subscripts are malformed or do not match the number of operands.
        ShapeError: if they do not match the operands' shapes.
    """
    tensors = operands(*operands_)
    terms, result = _parse(subscripts, tensors)
    pairs = [_prepare(letters, tensor) for letters, tensor in zip(terms, tensors)]
    _drop_ones(pairs)
    letters, tensor = pairs[0]
    for position in range(1, len(pairs)):
        needed = set(result).union(*(p[0] for p in pairs[position + 1 :]))
        letters, tensor = _pair((letters, tensor), pairs[position], needed, subscripts)
    return _finish(letters, tensor, result, subscripts)


def _parse(subscripts: str, tensors: list[Operand]) -> tuple[list[str], str]:
    text = subscripts.replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(tensors):
        raise ArgumentError(
            f"einsum: {subscripts!r} has terms for {len(terms)} operands. Received: {len(tensors)} operands."
        )
    free = [c for c in _LETTERS if c not in text]
    longest = 0
    for position, (term, tensor) in enumerate(zip(terms, tensors)):
        terms[position], count = _expand(term, len(tensor.dims), free, subscripts)
        longest = max(longest, count)
    dots = "".join(free[:longest])[::-1]
    if not arrow:
        once = sorted(c for c in set("".join(terms)) if "".join(terms).count(c) == 1 and c not in dots)
        right = dots + "".join(once)
    right = right.replace("...", dots)
    missing = set(right) - set("".join(terms))
    if missing or len(set(right)) != len(right):
        raise ArgumentError(f"einsum: the result in {subscripts!r} may hold letters of the operands, each once.")
    return terms, right


def _expand(term: str, rank: int, free: list[str], subscripts: str) -> tuple[str, int]:
    """A term with `...` spelt out, from the right, in letters that are free."""
    named = term.replace("...", "")
    if not all(c in _LETTERS for c in named):
        raise ArgumentError(f"einsum: {subscripts!r} may hold letters, commas, '...' and '->'.")
    count = rank - len(named) if "..." in term else 0
    if count < 0 or (count == 0 and len(named) != rank):
        raise ShapeError(f"einsum: the term {term!r} of {subscripts!r} does not fit an operand of rank {rank}.")
    return term.replace("...", "".join(free[:count])[::-1]), count


def _prepare(letters: str, tensor: Operand) -> tuple[str, Operand]:
    """Takes the diagonal where a letter occurs twice."""
    for letter in dict.fromkeys(letters):
        while letters.count(letter) > 1:
            first = letters.index(letter)
            second = letters.index(letter, first + 1)
            tensor = diagonal(tensor, 0, first, second)
            letters = letters[:first] + letters[first + 1 : second] + letters[second + 1 :] + letter
    return letters, tensor


def _drop_ones(pairs: list[tuple[str, Operand]]) -> None:
    """Drops axes of size 1 whose letter has another size elsewhere: they broadcast."""
    sizes: dict[str, Any] = {}
    for letters, tensor in pairs:
        for letter, size in zip(letters, tensor.dims):
            known = sizes.get(letter, 1)
            if known != 1 and size != 1 and known != size:
                raise ShapeError(
                    f"einsum: the operands disagree in the size of {letter!r}: {known} and {size}. Received: "
                    f"{', '.join(format_shape(t.dims) for _, t in pairs)}."
                )
            sizes[letter] = size if known == 1 else known
    for position, (letters, tensor) in enumerate(pairs):
        ones = [i for i, c in enumerate(letters) if tensor.dims[i] == 1 and sizes[c] != 1]
        if ones:
            kept = "".join(c for i, c in enumerate(letters) if i not in ones)
            pairs[position] = (kept, squeeze(tensor, ones))


def _reduced(letters: str, tensor: Operand, keep: set[str]) -> tuple[str, Operand]:
    lost = tuple(i for i, c in enumerate(letters) if c not in keep)
    if not lost:
        return letters, tensor
    return "".join(c for c in letters if c in keep), sum(tensor, lost)


def _pair(
    left: tuple[str, Operand], right: tuple[str, Operand], needed: set[str], subscripts: str
) -> tuple[str, Operand]:
    """Contracts two operands, keeping the letters that are needed later."""
    a, x = _reduced(*left, needed | set(right[0]))
    b, y = _reduced(*right, needed | set(left[0]))
    kept = "".join(c for c in dict.fromkeys(a + b) if c in needed)
    return kept, contract(x, core.cast(y, x.dtype), (a, b, kept))


def _finish(letters: str, tensor: Operand, result: str, subscripts: str) -> Tensor:
    letters, tensor = _reduced(letters, tensor, set(result))
    order = tuple(letters.index(c) for c in result)
    return positive(tensor) if order == tuple(range(len(order))) else apply(P.TRANSPOSE, tensor, axes=order)
