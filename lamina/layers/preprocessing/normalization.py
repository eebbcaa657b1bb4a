"""Numbers brought to mean 0 and variance 1 by what was found in the data beforehand."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from lamina import ops
from lamina.base.config import epsilon
from lamina.base.errors import ArgumentError, DataError, ShapeError
from lamina.layers.layer import Layer
from lamina.layers.preprocessing.host_layer import batches_of


class Normalization(Layer):
    """`(inputs - mean) / sqrt(variance)`, with the mean and variance of the data that the layer was adapted to.

    Unlike `BatchNormalization` it does not change while a model is trained: call `adapt(data)` before `fit`, or give
    the mean and the variance.

    Input: numbers of any shape; output: the same shape, of the layer's dtype.

    Args:
        axis: an axis, or several, of which every index has a mean and variance of its own; None for one of all
            values. -1: one for each feature.
        mean, variance: what to use instead of what `adapt` finds: both or none; numbers, or arrays that go with the
            sizes of `axis`.
        invert: whether the layer does the opposite, `mean + inputs * sqrt(variance)`; False.

    Raises:
        ArgumentError: if `axis` is none, or mean and variance do not go together.
        ShapeError: when it is built, if an axis is not there or of unknown size, or mean and variance do not fit.

    Example:
        scale = layers.Normalization()
        scale.adapt(x_train)
        model = models.Sequential([layers.Input((4,)), scale, layers.Dense(1)])
    """

    def __init__(self, axis: Any = -1, mean: Any = None, variance: Any = None, invert: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = _axes(self._title(), axis)
        self.input_mean, self.input_variance = mean, variance
        self.invert = bool(invert)
        self.supports_masking = True
        if (mean is None) != (variance is None):
            raise ArgumentError(
                f"{self._title()}: give both mean and variance, or none of them. Received: mean={mean!r}, "
                f"variance={variance!r}."
            )
        if mean is not None and (np.shape(mean) != np.shape(variance) or np.ndim(mean) > len(self.axis)):
            raise ArgumentError(
                f"{self._title()}: mean and variance must be of one shape, with at most {len(self.axis)} axes, for "
                f"axis={self.axis}. Received: shapes {np.shape(mean)} and {np.shape(variance)}."
            )

    # ---- weights ----

    def build(self, input_shape: Sequence[int | None]) -> None:
        self._kept = self._kept_axes(input_shape)
        self._sizes: list[Any] = [input_shape[axis] for axis in self._kept]
        self._broadcast: list[Any] = [size if axis in self._kept else 1 for axis, size in enumerate(input_shape)]
        if self.input_mean is not None:
            self._given = [self._spread(v) for v in (self.input_mean, self.input_variance)]
            return
        shape = tuple(self._sizes)
        self.adapt_mean = self.add_weight(name="mean", shape=shape, initializer="zeros", trainable=False)
        self.adapt_variance = self.add_weight(name="variance", shape=shape, initializer="ones", trainable=False)
        # As in Keras, so that its lists of weights fit.
        self.count = self.add_weight(name="count", shape=(), dtype="int32", initializer="zeros", trainable=False)

    def _kept_axes(self, shape: Sequence[int | None]) -> tuple[int, ...]:
        rank = len(shape)
        if any(not -rank <= axis < rank for axis in self.axis):
            raise ShapeError(f"{self._title()}: axis={self.axis} is not there in inputs of shape {tuple(shape)}.")
        kept = tuple(sorted({axis % rank for axis in self.axis}))
        for axis in kept:
            if shape[axis] is None:
                raise ShapeError(
                    f"{self._title()}: the size of axis {axis} must be known, as each of its indices has a mean. "
                    f"Received: inputs of shape {tuple(shape)}, axis={self.axis}. Use axis=None for one mean of all."
                )
        return kept

    def _spread(self, values: Any) -> np.ndarray:
        """Values for the kept axes, in the shape that goes with the inputs."""
        array = np.asarray(values, np.float64)
        try:
            return np.broadcast_to(array, self._sizes).reshape(self._broadcast)
        except ValueError:
            raise ShapeError(
                f"{self._title()}: mean and variance must fit the sizes {tuple(self._sizes)} of axis={self.axis}. "
                f"Received: shape {array.shape}."
            ) from None

    @property
    def mean(self) -> Any:
        """The mean, in a shape that goes with the inputs; None before the layer is built."""
        return self._statistic(0)

    @property
    def variance(self) -> Any:
        """The variance, in a shape that goes with the inputs; None before the layer is built."""
        return self._statistic(1)

    def _statistic(self, which: int) -> Any:
        if not self.built:
            return None
        if self.input_mean is not None:
            return ops.convert_to_tensor(self._given[which], self.compute_dtype)
        weight = (self.adapt_mean, self.adapt_variance)[which]
        return ops.cast(ops.reshape(weight, self._broadcast), self.compute_dtype)

    # ---- data ----

    def adapt(self, data: Any) -> None:
        """Finds the mean and the variance of data, and forgets those found before.

        Args:
            data: numbers, in an array, a frame or nested lists; or a dataset, generator or list of batches, which are
                arrays, or tuples of which the first is taken.

        Raises:
            ArgumentError: if the layer was given a mean and a variance.
            DataError: if there is no data, or it is not numeric, or has NaN or infinity.
            ShapeError: if it does not have the sizes for which the layer was built.
        """
        if self.input_mean is not None:
            raise ArgumentError(f"{self._title()} was given mean and variance, so that it does not adapt to data.")
        mean, variance, total = np.zeros(()), np.zeros(()), 0
        for batch in _batches(self._title(), data):
            if not self.built:
                self.build(batch.shape)
            self._check_sizes(batch)
            others = tuple(axis for axis in range(batch.ndim) if axis not in self._kept)
            count = math.prod(batch.shape[axis] for axis in others)
            if not batch.size:
                continue
            total += count
            share = count / total
            found, spread = batch.mean(others), batch.var(others)
            middle = mean * (1 - share) + found * share
            # The variance of both parts together: theirs, and those of their means around the common one.
            variance = (variance + (mean - middle) ** 2) * (1 - share) + (spread + (found - middle) ** 2) * share
            mean = middle
        if not total:
            raise DataError(f"{self._title()}: adapt() received no data. Give at least one row.")
        if not np.isfinite(variance).all():
            raise DataError(
                f"{self._title()}: adapt() found NaN or infinity in the data. Remove or fill such values "
                "(numpy.nan_to_num, or the mean of the column)."
            )
        self.adapt_mean.assign(mean)
        self.adapt_variance.assign(variance)

    def _check_sizes(self, batch: np.ndarray) -> None:
        sizes = [batch.shape[axis] if axis < batch.ndim else None for axis in self._kept]
        if batch.ndim != len(self._broadcast) or sizes != self._sizes:
            wanted = [size if axis in self._kept else None for axis, size in enumerate(self._broadcast)]
            raise ShapeError(
                f"{self._title()}: adapt() takes data of shape {tuple(wanted)}, as the layer was built for. Received: "
                f"{batch.shape}."
            )

    # ---- calls ----

    def call(self, inputs: Any) -> Any:
        inputs = ops.cast(inputs, self.compute_dtype)
        width = ops.maximum(ops.sqrt(self.variance), epsilon())
        return self.mean + inputs * width if self.invert else (inputs - self.mean) / width

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "axis": list(self.axis),
            "invert": self.invert,
            "mean": None if self.input_mean is None else np.asarray(self.input_mean).tolist(),
            "variance": None if self.input_variance is None else np.asarray(self.input_variance).tolist(),
        }


def _axes(owner: str, axis: Any) -> tuple[int, ...]:
    """The axes as a tuple, or ArgumentError."""
    axes = () if axis is None else (axis,) if isinstance(axis, (int, np.integer)) else axis
    if not isinstance(axes, (tuple, list)) or not all(isinstance(a, (int, np.integer)) for a in axes):
        raise ArgumentError(f"{owner}: axis must be a whole number, several of them, or None. Received: {axis!r}.")
    return tuple(int(a) for a in axes)


def _is_batch(item: Any) -> bool:
    """Whether an item of a list is an array, or a tuple of such, and no number or list of numbers."""
    first = item[0] if isinstance(item, tuple) and item else item
    return getattr(first, "ndim", len(getattr(first, "shape", ()))) > 0


def _batches(owner: str, data: Any) -> Iterator[np.ndarray]:
    """Batches of numbers, in double precision."""
    several = isinstance(data, (list, tuple)) and any(_is_batch(item) for item in data)
    for batch in data if several else batches_of(data, None):
        part = batch[0] if several and isinstance(batch, tuple) else batch
        try:
            yield np.asarray(part, np.float64)
        except (TypeError, ValueError):
            raise DataError(
                f"{owner}: adapt() takes numbers, in arrays or lists of equal length. Received: {type(part).__name__}."
            ) from None
