"""The table of layers that `model.summary()` prints."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

_WIDTHS = (33, 24, 15)
_HEADER = ("Layer (type)", "Output Shape", "Param #")


def print_summary(
    model: Any, line_length: int | None, print_fn: Callable[[str], Any] | None, show_trainable: bool
) -> None:
    """Prints, or gives to `print_fn`, what `summary_text` returns."""
    (print if print_fn is None else print_fn)(summary_text(model, line_length, show_trainable))


def summary_text(model: Any, line_length: int | None = None, show_trainable: bool = False) -> str:
    """The table, and below it the numbers of parameters and the memory that they take."""
    shapes = model._layer_shapes()
    header = (*_HEADER, "Trainable") if show_trainable else _HEADER
    rows = [_row(layer, shapes.get(id(layer)), show_trainable) for layer in model.layers]
    lines = [f'Model: "{model.name}"', *_table(header, rows, _widths(header, rows, line_length)), *_totals(model)]
    return "\n".join(lines)


def _row(layer: Any, shape: Any, show_trainable: bool) -> tuple[str, ...]:
    built = layer.built or bool(layer.weights)
    count = f"{_count(layer.weights):,}" if built else "0 (unbuilt)"
    row = (f"{layer.name} ({type(layer).__name__})", "?" if shape is None else str(shape), count)
    if not show_trainable:
        return row
    return (*row, ("Y" if layer.trainable else "N") if layer.weights else "-")


def _widths(header: tuple[str, ...], rows: list[tuple[str, ...]], line_length: int | None) -> list[int]:
    least = [*_WIDTHS, 11][: len(header)]
    widths = [max(w, *(len(row[i]) + 2 for row in [header, *rows])) for i, w in enumerate(least)]
    if line_length is not None:
        widths[0] = max(12, widths[0] + line_length - sum(widths) - len(widths) - 1)
    return widths


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]], widths: list[int]) -> Iterable[str]:
    yield _rule(widths, "┏", "━", "┳", "┓")
    yield _line(header, widths, "┃")
    yield _rule(widths, "┡", "━", "╇", "┩")
    for i, row in enumerate(rows):
        if i:
            yield _rule(widths, "├", "─", "┼", "┤")
        yield _line(row, widths, "│")
    yield _rule(widths, "└", "─", "┴", "┘")


def _rule(widths: list[int], left: str, line: str, cross: str, right: str) -> str:
    return left + cross.join(line * w for w in widths) + right


def _line(cells: tuple[str, ...], widths: list[int], bar: str) -> str:
    fitted = [_fit(cell, w - 2) for cell, w in zip(cells, widths)]
    aligned = [f" {c:>{w - 2}} " if i == 2 else f" {c:<{w - 2}} " for i, (c, w) in enumerate(zip(fitted, widths))]
    return bar + bar.join(aligned) + bar


def _fit(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _totals(model: Any) -> Iterable[str]:
    trainable, fixed = model.trainable_weights, model.non_trainable_weights
    optimizer = list(getattr(model.optimizer, "variables", ()))
    groups = {"Total": [*trainable, *fixed, *optimizer], "Trainable": trainable, "Non-trainable": fixed}
    if optimizer:
        groups["Optimizer"] = optimizer
    for name, variables in groups.items():
        yield f" {name} params: {_count(variables):,} ({_size(variables)})"


def _count(variables: Iterable[Any]) -> int:
    return sum(int(np.prod(v.shape)) for v in variables)


def _size(variables: Iterable[Any]) -> str:
    size = float(sum(v._array.nbytes for v in variables))
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1024 or unit == "GB":
            break
        size /= 1024
    return f"{size:.2f} {unit}"
