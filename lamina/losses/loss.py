"""The base of losses: a value for each sample, its weighting, and its reduction to one number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina import ops
from lamina.base import dtypes
from lamina.base.config import floatx
from lamina.base.errors import ArgumentError, ShapeError
from lamina.layers.masks import mask_of, set_mask
from lamina.losses.shapes import aligned, squeeze_or_expand_to_same_rank
from lamina.objects import TellsArguments, unique_name

REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none", None)


class Loss(TellsArguments):
    """A measure of how far predictions are from targets; smaller is better.

    A subclass has `call(y_true, y_pred)`, which gives a value for each sample (or each position of one).

    Args:
        name: the class name in snake case when None.
        reduction: what becomes of the values: `"sum_over_batch_size"` (default; also `"mean"`) divides their
            weighted sum by their number, `"mean_with_sample_weight"` by the sum of weights, `"sum"` does not
            divide, `"none"` (or None) gives the weighted values.
        dtype: of the computation; `floatx()` when None.
    """

    # Whether `call` wants class numbers as they are, instead of as floats.
    _takes_integers = False
    # Whether `call` heeds the mask of `y_pred` itself; otherwise values that it hides get no weight.
    _reads_mask = False

    def __init__(self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: Any = None):
        if reduction not in REDUCTIONS:
            raise ArgumentError(
                f"{type(self).__name__}: reduction must be one of {', '.join(map(repr, REDUCTIONS))}. Received: "
                f"{reduction!r}."
            )
        self.name = name or unique_name(type(self).__name__)
        self.reduction = reduction
        self._dtype = floatx() if dtype is None else dtypes.canonical(dtype)

    @property
    def dtype(self) -> str:
        return self._dtype

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """A value for each sample."""
        raise NotImplementedError(f"{type(self).__name__} has no `call(self, y_true, y_pred)`.")

    def valid(self, y_true: Any, y_pred: Any) -> Any | None:
        """Which values count, as bools of their shape; None (as here) for all."""
        return None

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The reduced loss.

        Args:
            y_true: targets.
            y_pred: predictions; what a mask that they carry hides weighs nothing, and a mean is over the rest.
            sample_weight: a factor for each sample `(batch,)`, or for each value; 1 when None.
        """
        mask = mask_of(y_pred)
        y_pred = ops.convert_to_tensor(y_pred, self._dtype)
        if self._reads_mask:
            set_mask(y_pred, mask)
            mask = None
        y_true = ops.convert_to_tensor(y_true)
        if not self._takes_integers:
            y_true = ops.cast(y_true, self._dtype)
        values = ops.cast(self.call(y_true, y_pred), self._dtype)
        valid = self.valid(y_true, y_pred)
        if mask is not None:
            valid = mask if valid is None else ops.logical_and(mask, valid)
        return reduce_weighted(self.name, values, sample_weight, valid, self.reduction)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


class LossFunctionWrapper(Loss):
    """A function `fn(y_true, y_pred, **kwargs)` that gives a value for each sample, as a `Loss`."""

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ):
        super().__init__(name=name or getattr(fn, "__name__", None), reduction=reduction, dtype=dtype)
        self.fn = fn
        self._fn_kwargs = kwargs
        self._takes_integers = getattr(fn, "takes_integers", False)
        self._reads_mask = getattr(fn, "reads_mask", False)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config() | self._fn_kwargs
        if type(self) is LossFunctionWrapper:
            from lamina.losses import serialize

            config["fn"] = serialize(self.fn)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        if "fn" in config:
            from lamina.losses import deserialize

            config = config | {"fn": deserialize(config["fn"])}
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({self.name})>"


def reduce_weighted(
    name: str, values: Any, sample_weight: Any, valid: Any, reduction: str | None = "sum_over_batch_size"
) -> Any:
    """Values times their weights, reduced.

    Args:
        values: of any shape.
        sample_weight: has the first axes of the values, one axis of size 1 more or less allowed; or None.
        valid: bools of the first axes of the values: which count; None for all.
        reduction: one of `REDUCTIONS`.
    """
    weights = None if sample_weight is None else ops.convert_to_tensor(sample_weight, values.dtype)
    weights = _apply_valid(weights, valid, values.dtype, reduction)
    if weights is not None:
        values, weights = squeeze_or_expand_to_same_rank(values, weights)
        weights = aligned(weights, len(values.shape))
        _check_weights(name, values, weights, valid is not None and len(valid.shape) > len(values.shape))
        values = values * weights
    if reduction in ("none", None) or len(values.shape) == 0:
        return values
    if reduction == "sum":
        return ops.sum(values)
    if reduction == "mean_with_sample_weight" and weights is not None:
        return ops.divide_no_nan(ops.sum(values), ops.sum(weights))
    return ops.mean(values)


def _check_weights(name: str, values: Any, weights: Any, masked: bool) -> None:
    """Raises ShapeError where weights, or a mask that has become weights, do not broadcast to the values."""
    shape, own = tuple(values.shape), tuple(weights.shape)
    pairs = zip(reversed(shape), reversed(own), strict=False)
    if len(own) <= len(shape) and all(a is None or b is None or b in (a, 1) for a, b in pairs):
        return
    if masked:
        raise ShapeError(
            f"Loss {name!r}: the predictions carry a mask of shape {own}, but there are losses of shape {shape}. Give "
            "the targets the axes of the predictions, for example y[..., None] for a last layer of one unit."
        )
    raise ShapeError(
        f"Loss {name!r}: sample_weight of shape {own} does not fit losses of shape {shape}. Give one weight for each "
        "sample, or one for each value of the loss."
    )


def _apply_valid(weights: Any, valid: Any, dtype: str, reduction: str | None) -> Any:
    """Weights that leave out what is not valid; where a mean follows, the rest count for them too."""
    if valid is None:
        return weights
    factors = ops.cast(valid, dtype)
    if reduction in ("mean", "sum_over_batch_size"):
        factors = factors * ops.divide_no_nan(1.0, ops.mean(factors))
    if weights is None:
        return factors
    factors, weights = squeeze_or_expand_to_same_rank(factors, weights)
    rank = max(len(factors.shape), len(weights.shape))
    return aligned(weights, rank) * aligned(factors, rank)
