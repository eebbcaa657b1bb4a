"""Layers that keep a state for each sample: every batch must have as many rows as they have states."""

from __future__ import annotations

from typing import Any, NamedTuple

from lamina.base.errors import ShapeError


class Stateful(NamedTuple):
    """A layer that keeps states.

    Attributes:
        title: what messages call it.
        batch: for how many samples.
    """

    title: str
    batch: int


def stateful_layers(model: Any) -> tuple[Stateful, ...]:
    """The layers of a model that keep states from batch to batch, as far as they are built."""
    found = []
    for layer in model.sublayers():
        states = getattr(layer, "states", None) if getattr(layer, "stateful", False) else None
        if isinstance(states, list) and states:
            found.append(Stateful(layer._title(), int(states[0].shape[0])))
    return tuple(found)


def refuse_unbuilt(model: Any) -> None:
    """Raises ShapeError if a model with such layers is to be built on data, which does not tell the size of batches."""
    for layer in model.sublayers():
        if getattr(layer, "stateful", False):
            raise ShapeError(
                f"{layer._title()} is stateful, with a state for each sample of a batch, so the size of batches must "
                f"be known when the model is built. Begin the model with Input(batch_shape=(32, ...)), or call "
                f"`model.build((32, ...))` first, where 32 is the batch_size."
            )


def check_rows(layers: tuple[Stateful, ...], rows: int, batch_size: int) -> None:
    """Raises ShapeError if a batch would not have one row for each state.

    Args:
        layers: those of the model.
        rows: of the data; batch_size: how many make a batch, the last one excepted.
    """
    for layer in layers:
        needed = layer.batch
        size, left = min(batch_size, rows), rows % batch_size
        if size == needed and (rows <= batch_size or not left):
            continue
        start = f"{layer.title} is stateful, with a state for each of {needed} samples: every batch must have {needed}."
        if batch_size == needed:
            fewer = f"{rows - left} or {rows - left + needed}" if rows > left else f"{needed}"
            raise ShapeError(
                f"{start} Received: {rows} rows with batch_size={batch_size}, so that the last batch has {left}. Give "
                f"{fewer} rows."
            )
        raise ShapeError(
            f"{start} Received: batches of {size} (batch_size={batch_size}, {rows} rows). Give batch_size={needed} and "
            f"rows that make whole batches, or make the model for batches of {batch_size}, with "
            f"Input(batch_shape=({batch_size}, ...))."
        )
