"""What the equation of a dense layer says of its weights: their shapes, and which axes are inputs and outputs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lamina.base.errors import ArgumentError, ShapeError

Shape = tuple[int | None, ...]

# Letters of input, kernel and result; dots on the left of input and result, on the right of both, or nowhere.
_FORM = re.compile(
    r"(?P<left>\.\.\.)?(?P<input>[a-zA-Z]+)(?P<right>\.\.\.)?,(?P<kernel>[a-zA-Z]+)->"
    r"(?P<left_result>\.\.\.)?(?P<result>[a-zA-Z]+)(?P<right_result>\.\.\.)?"
)


@dataclass(frozen=True)
class DenseShapes:
    """What follows from an equation and the shape of an input.

    Attributes:
        kernel, bias, output: shapes; no bias is None.
        inputs, outputs: which axes of the kernel are summed over, and which are in the result.
    """

    kernel: Shape
    bias: Shape | None
    output: Shape
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def dense_shapes(
    owner: str, equation: str, bias_axes: str | None, input_shape: Sequence[int | None], output_shape: Shape
) -> DenseShapes:
    """Reads an equation.

    Args:
        owner: how messages call the layer.
        equation: such as `"abc,cd->abd"` or `"...x,xy->...y"`.
        bias_axes: letters of the result that the bias has; None for no bias.
        input_shape: of a batch.
        output_shape: of one sample, without the axes that dots stand for; None for sizes that the input has.

    Raises:
        ArgumentError: if the equation cannot be read, or letters have no place to come from.
        ShapeError: if sizes contradict each other, or one of a weight is not known.
    """
    match = _FORM.fullmatch(equation.replace(" ", ""))
    if match is None or bool(match["left"]) != bool(match["left_result"]) or _unbalanced(match):
        raise ArgumentError(
            f"{owner}: the equation must have the form 'ab,bc->ac', '...ab,bc->...ac' or 'ab...,bc->ac...'. "
            f"Received: {equation!r}."
        )
    given, kernel, result = match["input"], match["kernel"], match["result"]
    _check_letters(owner, equation, given, kernel, result)
    dots = _dots(owner, equation, match, tuple(input_shape))
    output = _full_output(owner, equation, match, tuple(input_shape), output_shape, dots)
    sizes = dict(zip(given, input_shape[dots:] if match["left"] else input_shape))
    own = output[dots:] if match["left"] else output[: len(result)]
    for letter, size in zip(result, own):
        known = sizes.get(letter)
        if known is not None and size is not None and known != size:
            raise ShapeError(
                f"{owner}: axis {letter!r} of {equation!r} is {known} in the input and {size} in output_shape. "
                f"Received: input shape {tuple(input_shape)}, output_shape={output_shape}."
            )
        sizes[letter] = size if known is None else known
    filled = tuple(sizes[letter] for letter in result)
    output = (*output[:dots], *filled) if match["left"] else (*filled, *output[len(result) :])
    return DenseShapes(
        kernel=_weight(owner, "kernel", kernel, sizes, equation, input_shape),
        bias=_bias(owner, bias_axes, match, sizes, equation, input_shape, dots),
        output=output,
        inputs=tuple(i for i, letter in enumerate(kernel) if letter not in result),
        outputs=tuple(i for i, letter in enumerate(kernel) if letter in result),
    )


def _unbalanced(match: re.Match[str]) -> bool:
    """Whether dots are on the right of one side only, or on both ends."""
    return bool(match["right"]) != bool(match["right_result"]) or bool(match["left"] and match["right"])


def _check_letters(owner: str, equation: str, given: str, kernel: str, result: str) -> None:
    lost = [c for c in result if c not in given + kernel] + [c for c in kernel if c not in given + result]
    if lost:
        raise ArgumentError(
            f"{owner}: axis {lost[0]!r} of the equation {equation!r} has no size: an axis of the result must be one of "
            "the input or the kernel, and an axis of the kernel one of the input or the result."
        )


def _dots(owner: str, equation: str, match: re.Match[str], input_shape: Shape) -> int:
    """How many axes the dots stand for."""
    count = len(input_shape) - len(match["input"])
    if count < 0 or (count and not match["left"] and not match["right"]):
        raise ShapeError(
            f"{owner}: the equation {equation!r} is for inputs of rank {len(match['input'])}"
            f"{' or more' if match['left'] or match['right'] else ''}. Received: input shape {input_shape}."
        )
    return count


def _full_output(
    owner: str, equation: str, match: re.Match[str], input_shape: Shape, output_shape: Shape, dots: int
) -> Shape:
    """The shape of the result, with the batch and the axes that dots stand for."""
    before = input_shape[1:dots] if match["left"] else ()
    after = input_shape[len(input_shape) - dots :] if match["right"] else ()
    output = (input_shape[0], *before, *output_shape, *after)
    if len(output) != len(match["result"]) + dots:
        batch = 0 if match["left"] and dots else 1
        raise ShapeError(
            f"{owner}: output_shape must have {len(match['result']) - batch} sizes, one for each axis of the result of "
            f"{equation!r} after the batch. Received: {output_shape}."
        )
    return output


def _weight(
    owner: str, name: str, letters: str, sizes: dict[str, int | None], equation: str, input_shape: Sequence[int | None]
) -> Shape:
    for letter in letters:
        if sizes[letter] is None:
            raise ShapeError(
                f"{owner}: the size of axis {letter!r} of {equation!r} must be known to make the {name}. Received: "
                f"input shape {tuple(input_shape)}. Give it in output_shape, or in the shape of the Input."
            )
    return tuple(sizes[letter] for letter in letters)


def _bias(
    owner: str, axes: str | None, match: re.Match[str], sizes: dict[str, int | None], equation: str,
    input_shape: Sequence[int | None], dots: int,
) -> Shape | None:  # fmt: skip
    """The shape of the bias: from its first axis on all of the result, 1 for those that it does not have."""
    if axes is None:
        return None
    result = match["result"]
    unknown = [letter for letter in axes if letter not in result]
    if unknown or not axes:
        raise ArgumentError(
            f"{owner}: bias_axes must be letters of the result of {equation!r}: {result}. Received: {axes!r}."
        )
    tail = result[min(result.index(letter) for letter in axes) :]
    _weight(owner, "bias", axes, sizes, equation, input_shape)
    own = tuple(sizes[letter] if letter in axes else 1 for letter in tail)
    return own + (1,) * (dots if match["right"] else 0)
