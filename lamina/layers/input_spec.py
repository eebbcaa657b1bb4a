"""What a layer demands of its inputs, and the errors when it gets something else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lamina.base.errors import DTypeError, ShapeError


class InputSpec:
    """Rank, dtype and sizes of axes that an input must have; None leaves each free.

    Args:
        dtype: the exact dtype.
        shape: the exact shape, None for axes that are free.
        ndim: the exact rank.
        max_ndim, min_ndim: limits of the rank.
        axes: sizes of single axes; negative ones count from the end.
        allow_last_axis_squeeze: unused here; accepted for scripts that give it.
        name: of the input in messages.
    """

    def __init__(
        self,
        dtype: str | None = None,
        shape: Sequence[int | None] | None = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: Mapping[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
    ):
        self.dtype = dtype
        self.shape = None if shape is None else tuple(shape)
        self.ndim = len(self.shape) if self.shape is not None else ndim
        self.max_ndim = max_ndim
        self.min_ndim = min_ndim
        self.axes = {int(axis): size for axis, size in (axes or {}).items()}
        self.allow_last_axis_squeeze = allow_last_axis_squeeze
        self.name = name

    def __repr__(self) -> str:
        fields = ("dtype", "shape", "ndim", "max_ndim", "min_ndim", "axes")
        return f"InputSpec({', '.join(f'{f}={getattr(self, f)}' for f in fields if getattr(self, f))})"

    def check(self, tensor: Any, layer: str, index: int = 0) -> None:
        """Raises ShapeError or DTypeError if the tensor is not as demanded.

        Args:
            layer: how messages call the layer, such as `"Dense layer 'dense_1'"`.
            index: which of the layer's inputs this is.
        """
        shape = tuple(tensor.shape)
        where = f"{layer}: input {self.name or index} has shape {shape}"
        self._check_rank(shape, where)
        if self.dtype is not None and str(tensor.dtype) != self.dtype:
            raise DTypeError(f"{layer}: input {self.name or index} must be {self.dtype}. Received: {tensor.dtype}.")
        sizes = dict(self.axes)
        if self.shape is not None:
            sizes.update(enumerate(self.shape))
        for axis, expected in sizes.items():
            found = shape[axis]
            if expected is not None and found is not None and found != expected:
                raise ShapeError(
                    f"{where}, whose axis {axis} is {found}; expected {expected} there. Give data with {expected} "
                    f"values along that axis, or make the layer anew for inputs of {found}."
                )

    def _check_rank(self, shape: tuple[int | None, ...], where: str) -> None:
        rank = len(shape)
        if self.ndim is not None and rank != self.ndim:
            raise ShapeError(f"{where}, of rank {rank}; expected rank {self.ndim}. {_rank_advice(rank, self.ndim)}")
        if self.min_ndim is not None and rank < self.min_ndim:
            raise ShapeError(
                f"{where}, of rank {rank}; expected rank {self.min_ndim} or more. {_rank_advice(rank, self.min_ndim)}"
            )
        if self.max_ndim is not None and rank > self.max_ndim:
            raise ShapeError(
                f"{where}, of rank {rank}; expected rank {self.max_ndim} or less. {_rank_advice(rank, self.max_ndim)}"
            )


def advice_on_steps(shape: Sequence[Any]) -> str:
    """What to do where an input of this shape has no axis of steps."""
    if any(isinstance(size, (tuple, list)) for size in shape):
        return "Call it on one tensor."
    if len(shape) < 2:
        return "A batch of sequences has the axes batch, steps and features: one sequence goes in as `x[None]`."
    return (
        "After a recurrent layer, give that one return_sequences=True, so that it hands on all its steps. Sequences "
        "of single numbers go in as `x[..., None]`, one sequence of vectors as `x[None]`."
    )


def _rank_advice(found: int, wanted: int) -> str:
    if (found, wanted) == (2, 3):
        return advice_on_steps((None,) * found)
    if found < wanted:
        return "The first axis is the batch: one sample goes in as `x[None]`, one feature per sample as `x[:, None]`."
    return "Put a Flatten or Reshape layer before it, or drop axes of size 1 with `ops.squeeze`."
