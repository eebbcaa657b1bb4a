"""The table of layers that `model.summary()` prints."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from lamina.base.errors import ArgumentError

_WIDTHS = {"Layer (type)": 33, "Output Shape": 24, "Param #": 15, "Connected to": 24, "Trainable": 11}
_INDENT = "   "


class _Row(NamedTuple):
    """A line of the table: a layer, or the operations between layers, for which `layer` is None."""

    layer: Any
    name: str
    kind: str
    shape: Any
    sources: Sequence[str]


def print_summary(
    model: Any,
    line_length: int | None,
    print_fn: Callable[[str], Any] | None,
    expand_nested: bool,
    show_trainable: bool,
    layer_range: Any,
) -> None:
    """Prints, or gives to `print_fn`, what `summary_text` returns."""
    text = summary_text(model, line_length, expand_nested, show_trainable, layer_range)
    (print if print_fn is None else print_fn)(text)


def summary_text(
    model: Any,
    line_length: int | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Any = None,
) -> str:
    """The table, and below it the numbers of parameters and the memory that they take."""
    connected = model._network is not None and not model._network.topology.sequential
    rows = _in_range(_rows(model, "", expand_nested), layer_range)
    wanted = {"Connected to": connected, "Trainable": show_trainable}
    header = tuple(name for name in _WIDTHS if wanted.get(name, True))
    cells = [tuple(_cells(row)[name] for name in header) for row in rows]
    table = _table(header, cells, _widths(header, cells, line_length))
    return "\n".join([f'Model: "{model.name}"', *table, *_totals(model)])


def _rows(model: Any, before: str, nested: bool) -> list[_Row]:
    """What the model is made of, with what is in models inside of it if that is wanted."""
    rows: list[_Row] = []
    for row in _own_rows(model):
        rows.append(row._replace(name=f"{before}{row.name}"))
        if nested and hasattr(row.layer, "_layer_shapes"):
            rows += _rows(row.layer, f"{_INDENT if before else ''}{before.replace('└ ', '')}{_INDENT}└ ", nested)
    return rows


def _own_rows(model: Any) -> list[_Row]:
    if model._network is None:
        shapes = model._layer_shapes()
        return [_Row(x, x.name, type(x).__name__, shapes.get(id(x)), ()) for x in model.layers]
    return [
        _Row(u.layer, u.name, u.kind, u.shapes, [f"{source.name}[{call}][{i}]" for source, call, i in u.sources])
        for u in model._network.topology.units
    ]


def _in_range(rows: list[_Row], layer_range: Any) -> list[_Row]:
    """The rows from one layer to another, both included."""
    if layer_range is None:
        return rows
    names = [row.name for row in rows]
    if not isinstance(layer_range, (list, tuple)) or len(layer_range) != 2 or not set(layer_range) <= set(names):
        raise ArgumentError(
            f"summary(): layer_range must be the names of two layers of the model. Received: {layer_range!r}. Its "
            f"layers: {', '.join(names)}."
        )
    first, last = sorted(names.index(name) for name in layer_range)
    return rows[first : last + 1]


def _cells(row: _Row) -> dict[str, str]:
    """The text of every column; several lines in one cell are parted by newlines."""
    layer = row.layer
    if layer is None:
        count, trained = "0", "-"
    else:
        built = layer.built or bool(layer.weights)
        count = f"{_count(layer.weights):,}" if built else "0 (unbuilt)"
        trained = ("Y" if layer.trainable else "N") if layer.weights else "-"
    return {
        "Layer (type)": f"{row.name} ({row.kind})",
        "Output Shape": "?" if row.shape is None else str(row.shape),
        "Param #": count,
        "Connected to": ",\n".join(row.sources) or "-",
        "Trainable": trained,
    }


def _widths(header: tuple[str, ...], rows: list[tuple[str, ...]], line_length: int | None) -> list[int]:
    widths = [
        max(_WIDTHS[name], *(len(line) + 2 for row in [header, *rows] for line in row[i].split("\n")))
        for i, name in enumerate(header)
    ]
    if line_length is not None:
        widths[0] = max(12, widths[0] + line_length - sum(widths) - len(widths) - 1)
    return widths


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]], widths: list[int]) -> Iterable[str]:
    yield _rule(widths, "┏", "━", "┳", "┓")
    yield from _lines(header, widths, "┃")
    yield _rule(widths, "┡", "━", "╇", "┩")
    for i, row in enumerate(rows):
        if i:
            yield _rule(widths, "├", "─", "┼", "┤")
        yield from _lines(row, widths, "│")
    yield _rule(widths, "└", "─", "┴", "┘")


def _rule(widths: list[int], left: str, line: str, cross: str, right: str) -> str:
    return left + cross.join(line * w for w in widths) + right


def _lines(cells: tuple[str, ...], widths: list[int], bar: str) -> Iterable[str]:
    """The lines of a row; the third column, of numbers, is set to the right."""
    parts = [cell.split("\n") for cell in cells]
    for line in range(max(map(len, parts))):
        fitted = [_fit(p[line] if line < len(p) else "", w - 2) for p, w in zip(parts, widths)]
        aligned = [f" {c:>{w - 2}} " if i == 2 else f" {c:<{w - 2}} " for i, (c, w) in enumerate(zip(fitted, widths))]
        yield bar + bar.join(aligned) + bar


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
