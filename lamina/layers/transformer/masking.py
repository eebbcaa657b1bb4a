"""Which sources a target of a transformer may see: padding, given masks, causality and windows as one mask."""

from __future__ import annotations

from typing import Any

from lamina import ops
from lamina.base.errors import ShapeError
from lamina.tensor import Tensor


def causal_mask(targets: Any, sources: Any, start: Any = 0) -> Tensor:
    """Bools `(1, targets, sources)`: whether a source does not come after a target.

    Args:
        targets, sources: how many there are.
        start: the place of the first target among the sources, a number or a tensor; 0.
    """
    rows, columns = _places(targets, sources, start)
    return rows >= columns


def window_mask(targets: Any, sources: Any, start: Any, width: int) -> Tensor:
    """Bools `(1, targets, sources)`: whether the places of a source and a target differ by less than `width`.

    Args: as of `causal_mask`.
    """
    rows, columns = _places(targets, sources, start)
    return ops.absolute(rows - columns) < width


def _places(targets: Any, sources: Any, start: Any) -> tuple[Tensor, Tensor]:
    """The places of targets as a column, and those of sources as a row, with an axis for the batch."""
    rows = ops.arange(targets, dtype="int32") + ops.cast(start, "int32")
    return ops.reshape(rows, (1, -1, 1)), ops.reshape(ops.arange(sources, dtype="int32"), (1, 1, -1))


def merged_mask(owner: str, padding_mask: Any, attention_mask: Any) -> Any:
    """Both as one mask that broadcasts to `(batch, targets, sources)`; None if both are None.

    Args:
        padding_mask: bools `(batch, sources)`; attention_mask: bools `(batch, targets, sources)`.
    """
    return joined(
        None if padding_mask is None else ops.expand_dims(_checked(owner, "padding_mask", padding_mask, 2), 1),
        None if attention_mask is None else _checked(owner, "attention_mask", attention_mask, 3),
    )


def joined(*masks: Any) -> Any:
    """What all of these allow; None if all are None."""
    found = None
    for mask in masks:
        if mask is not None:
            found = mask if found is None else ops.logical_and(found, mask)
    return found


def _checked(owner: str, name: str, mask: Any, rank: int) -> Tensor:
    if len(mask.shape) != rank:
        wanted = "(batch, sources)" if rank == 2 else "(batch, targets, sources)"
        raise ShapeError(f"{owner}: {name} must have shape {wanted}. Received: {tuple(mask.shape)}.")
    return ops.cast(mask, "bool")
