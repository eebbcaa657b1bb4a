"""Sums and means over everything seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina import ops
from lamina.base.errors import ShapeError
from lamina.layers.masks import mask_of
from lamina.losses import squeeze_or_expand_to_same_rank
from lamina.losses.shapes import aligned
from lamina.metrics.metric import Metric


def reduce_to_samples(
    values: Any, sample_weight: Any, reduce: Callable[..., Any], dtype: str
) -> tuple[Any, Any | None]:
    """One weighted value for each sample, and its weight.

    Args:
        values: `(batch, ...)` or a scalar.
        sample_weight: of the same shape, or without the last axes; None for 1.
        reduce: what is done over the axes after the batch: `ops.sum` or `ops.mean`.
    """
    values = ops.convert_to_tensor(values, dtype)
    weights = None
    if sample_weight is not None:
        weights = ops.convert_to_tensor(sample_weight, dtype)
        values, weights = squeeze_or_expand_to_same_rank(values, weights)
        rank = len(weights.shape)
        _check_rank(values, weights)
        if len(values.shape) > rank:
            values = reduce(values, axis=tuple(range(rank, len(values.shape))))
        weights = ops.broadcast_to(weights, values.dims)
        values = values * weights
        if rank > 1:
            weights = reduce(weights, axis=tuple(range(1, rank)))
    if len(values.shape) > 1:
        values = reduce(values, axis=tuple(range(1, len(values.shape))))
    return values, weights


def _check_rank(values: Any, weights: Any) -> None:
    """Raises ShapeError where there are weights, or a mask, for axes that the values do not have."""
    if len(weights.shape) > len(values.shape):
        raise ShapeError(
            f"Metric: weights (or a mask of the predictions) of shape {tuple(weights.shape)} do not fit values of "
            f"shape {tuple(values.shape)}. Give a weight for each sample or value, and targets the axes of predictions."
        )


def _masked(sample_weight: Any, mask: Any, dtype: str) -> Any:
    """Weights that are 0 where a mask is False."""
    if mask is None:
        return sample_weight
    factors = ops.cast(mask, dtype)
    if sample_weight is None:
        return factors
    factors, weights = squeeze_or_expand_to_same_rank(factors, ops.convert_to_tensor(sample_weight, dtype))
    rank = max(len(factors.shape), len(weights.shape))
    return aligned(factors, rank) * aligned(weights, rank)


class Sum(Metric):
    """The weighted sum of all values."""

    def __init__(self, name: str = "sum", dtype: Any = None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable(name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        values, _ = reduce_to_samples(values, sample_weight, ops.sum, self.dtype)
        self.total.assign_add(ops.sum(values))

    def result(self) -> Any:
        return ops.cast(self.total, self.dtype)


class Mean(Metric):
    """The weighted mean of all samples; 0 before the first."""

    def __init__(self, name: str = "mean", dtype: Any = None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable(name="total")
        self.count = self.add_variable(name="count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Adds values.

        Args:
            values: `(batch, ...)`; what follows the batch is averaged first. Or a scalar, one sample.
            sample_weight: a weight for each sample, or for each value.
        """
        values, weights = reduce_to_samples(values, sample_weight, ops.mean, self.dtype)
        count: Any
        if weights is not None:
            count = ops.sum(weights)
        else:
            count = ops.convert_to_tensor(values.dims[0], self.dtype) if len(values.shape) else 1.0
        self.total.assign_add(ops.sum(values))
        self.count.assign_add(count)

    def result(self) -> Any:
        return ops.divide_no_nan(self.total, self.count)


class MeanMetricWrapper(Mean):
    """The mean of a function `fn(y_true, y_pred, **kwargs)` that gives a value for each sample."""

    def __init__(self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **kwargs: Any):
        super().__init__(name=name or str(getattr(fn, "__name__", "mean_metric_wrapper")), dtype=dtype)
        self._fn = fn
        self._fn_kwargs = kwargs

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        """Adds a batch.

        Args:
            y_true: targets.
            y_pred: predictions; what a mask that they carry hides weighs nothing.
            sample_weight: a weight for each sample, or for each value; 1 when None.
        """
        sample_weight = _masked(sample_weight, mask_of(y_pred), self.dtype)
        super().update_state(self._fn(y_true, y_pred, **self._fn_kwargs), sample_weight=sample_weight)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config() | self._fn_kwargs
        if type(self) is MeanMetricWrapper:
            from lamina.metrics import serialize

            config["fn"] = serialize(self._fn)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        if isinstance(config.get("fn"), (str, dict)):
            from lamina.metrics import deserialize

            config = config | {"fn": deserialize(config["fn"])}
        return cls(**config)
