"""The contraction: sums of products of two operands over the axes that they share, as in Einstein's notation."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from lamina.base.errors import ArgumentError, ShapeError
from lamina.graph import Node, Primitive, Sample, Spec, apply
from lamina.primitives.declare import NUMBERS, Typed, check_dtype, check_same_dtype, describe, in_float32, refuse
from lamina.primitives.samples import available, strided, values

Labels = tuple[str, str, str]


def _contract_infer(a: Typed, b: Typed, *, labels: Labels) -> Spec:
    check_dtype("contract", "a", a, NUMBERS)
    check_dtype("contract", "b", b, NUMBERS)
    check_same_dtype("contract", ("a", "b"), (a, b))
    _check_labels(labels)
    sizes: dict[str, Any] = {}
    for argument, operand, letters in (("a", a, labels[0]), ("b", b, labels[1])):
        if len(letters) != len(operand.shape):
            raise ShapeError(
                f"contract: the labels of {argument}, {letters!r}, must name each of its axes. "
                f"Received: {describe(operand)}."
            )
        for letter, size in zip(letters, operand.shape):
            if sizes.setdefault(letter, size) != size:
                rule = f"must agree in the size of {letter!r}, for labels {','.join(labels[:2])}->{labels[2]}"
                refuse(ShapeError, "contract", ("a", "b"), rule, (a, b), "Transpose or reshape one of them.")
    return Spec(tuple(sizes[letter] for letter in labels[2]), a.dtype)


def _check_labels(labels: Any) -> None:
    """Each label once an operand, and nothing in the result but what one or both operands have."""
    if not isinstance(labels, tuple) or len(labels) != 3 or not all(isinstance(part, str) for part in labels):
        raise ArgumentError(f"contract: labels must be three strings, of a, b and the result. Received: {labels!r}.")
    of_a, of_b, of_result = labels
    if any(len(set(part)) != len(part) for part in labels) or not set(of_result) <= set(of_a + of_b):
        raise ArgumentError(
            "contract: labels must name each axis of an operand differently, and the result may have only labels of "
            f"the operands, each once. Received: {labels!r}."
        )
    lost = (set(of_a) ^ set(of_b)) - set(of_result)
    if lost:
        raise ArgumentError(
            f"contract: labels in one operand only must be in the result. Missing: {', '.join(sorted(lost))}. "
            f"Received: {labels!r}. Sum over those axes first."
        )


def _contract_numpy(a: Any, b: Any, labels: Labels) -> Any:
    """As a batched matrix product: (shared and kept, only in a, summed) by (shared and kept, summed, only in b)."""
    of_a, of_b, of_result = labels
    size = {**dict(zip(of_a, a.shape)), **dict(zip(of_b, b.shape))}
    batch = [letter for letter in of_result if letter in of_a and letter in of_b]
    rows = [letter for letter in of_a if letter not in of_b]
    columns = [letter for letter in of_b if letter not in of_a]
    summed = [letter for letter in of_a if letter in of_b and letter not in of_result]

    def matrices(x: Any, letters: str, first: list[str], second: list[str]) -> Any:
        moved = x.transpose([letters.index(letter) for letter in (*batch, *first, *second)])
        return moved.reshape([math.prod(size[letter] for letter in part) for part in (batch, first, second)])

    product = np.matmul(matrices(a, of_a, rows, summed), matrices(b, of_b, summed, columns))
    order = [*batch, *rows, *columns]
    shaped = product.reshape([size[letter] for letter in order])
    return shaped.transpose([order.index(letter) for letter in of_result])


def _contract_vjp(node: Node, g: Node) -> tuple[Node, Node]:
    """The result takes the place of each operand in turn: whatever it had kept is summed over, and the reverse."""
    a, b = node.inputs
    of_a, of_b, of_result = node.attrs["labels"]
    return contract(g, b, (of_result, of_b, of_a)), contract(a, g, (of_a, of_result, of_b))


def _contract_samples() -> Iterator[Sample]:
    for labels, a, b in [
        (("mk", "kn", "mn"), (3, 4), (4, 5)), (("mk", "nk", "mn"), (3, 4), (5, 4)),
        (("km", "kn", "mn"), (4, 3), (4, 5)),
        (("bmk", "bkn", "bmn"), (2, 3, 4), (2, 4, 5)), (("bhqd", "bhkd", "bhqk"), (2, 2, 3, 4), (2, 2, 5, 4)),
        (("k", "k", ""), (7,), (7,)), (("m", "n", "mn"), (3,), (2,)), (("mk", "k", "m"), (3, 4), (4,)),
        (("bk", "bk", "b"), (3, 4), (3, 4)), (("mkl", "lnk", "nm"), (3, 4, 2), (2, 5, 4)),
        (("bm", "bn", "nmb"), (2, 3), (2, 4)), (("mk", "kn", "mn"), (3, 0), (0, 2)),
        (("mk", "kn", "mn"), (0, 3), (3, 2)), (("mk", "kn", "mn"), (1, 1), (1, 1)),
        (("", "m", "m"), (), (3,)), (("m", "m", "m"), (3,), (3,)),
    ]:  # fmt: skip
        yield Sample((values(a), values(b, seed=1)), {"labels": labels})
    matmul = {"labels": ("mk", "kn", "mn")}
    for dtype in available(["int8", "int32", "int64", "uint8", "float16", "bfloat16", "float32"]):
        yield Sample((values((3, 9), dtype), values((9, 5), dtype, seed=1)), matmul, False)
    yield Sample((np.array([[np.nan, 1.0], [np.inf, 0.0]]), values((2, 3))), matmul, False)
    yield Sample((strided((3, 4)), strided((4, 2), seed=1)), matmul)


CONTRACT = Primitive(
    "contract", "contract", expensive=True,
    infer=_contract_infer,
    numpy=in_float32(_contract_numpy),
    vjp=_contract_vjp,
    samples=_contract_samples,
)  # fmt: skip


def contract(a: Node, b: Node, labels: Labels) -> Node:
    """Sums of products of two operands over the labels that both have and the result has not.

    Half floats are summed in float32.

    Args:
        labels: a letter for each axis of `a`, of `b`, and of the result: `("mk", "kn", "mn")` is the matrix product.
            A label that only one operand has must be in the result.
    """
    return apply(CONTRACT, a, b, labels=tuple(labels))
