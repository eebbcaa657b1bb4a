"""The entry of a model: the shape of its input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.base.errors import ArgumentError
from lamina.layers.layer import Layer
from lamina.layers.symbolic import KerasTensor, start_tensor


class InputLayer(Layer):
    """Says what the inputs of a model look like, and passes them on.

    Args:
        shape: of one sample, without the batch; None for a size that varies.
        batch_size: rows of a batch; None (default) for any.
        dtype: of the input; `floatx()` when None.
        batch_shape: the whole shape, instead of `shape` and `batch_size`.
        name: `input_layer`, numbered, when None.
        sparse, optional, input_tensor: accepted as in Keras; only False, False and None are possible.

    Raises:
        ArgumentError: if no shape is given, or one that is no shape.
    """

    def __init__(
        self,
        shape: Sequence[int | None] | int | None = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        batch_shape: Sequence[int | None] | None = None,
        input_tensor: Any = None,
        optional: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ):
        check_shape_argument(shape, batch_size, dtype)
        if dtype == "string":
            raise ArgumentError(
                "Input: models take numbers, no text. Use TextVectorization or StringLookup on the data before, and "
                'Input(..., dtype="int64") for what they give.'
            )
        super().__init__(dtype=dtype, name=name, autocast=False, **kwargs)
        if self._input_shape_arg is not None and batch_shape is None and shape is None:
            batch_shape = self._input_shape_arg
        if sparse or optional or input_tensor is not None:
            raise ArgumentError(f"{self._title()}: sparse, ragged, optional and input_tensor are not supported.")
        if (shape is None) == (batch_shape is None):
            raise ArgumentError(
                f"{self._title()}: give either shape (of one sample) or batch_shape. Received: shape={shape}, "
                f"batch_shape={batch_shape}."
            )
        if batch_shape is None:
            batch_shape = (batch_size, *_sizes(self._title(), shape))
        self.batch_shape = _sizes(self._title(), batch_shape)
        self.built = True
        start_tensor(self, self.batch_shape, self.dtype)

    def call(self, inputs: Any) -> Any:
        return inputs

    def compute_output_shape(self, input_shape: Any = None) -> tuple[int | None, ...]:
        return self.batch_shape

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        start_tensor(self, self.batch_shape, self.dtype)

    def get_config(self) -> dict[str, Any]:
        return {"batch_shape": self.batch_shape, "dtype": self.dtype, "name": self.name}


def _sizes(owner: str, shape: Any) -> tuple[int | None, ...]:
    """A shape as a tuple of ints and None, or ArgumentError."""
    sizes = (shape,) if isinstance(shape, (int, np.integer)) else shape
    if not isinstance(sizes, (tuple, list)) or not all(_is_size(size) for size in sizes):
        raise ArgumentError(
            f"{owner}: a shape is a tuple of whole numbers of at least 0, and of None for sizes that vary. Received: "
            f"{shape!r}."
        )
    return tuple(None if size is None else int(size) for size in sizes)


def _is_size(size: Any) -> bool:
    return size is None or (isinstance(size, (int, np.integer)) and not isinstance(size, bool) and int(size) >= 0)


def check_shape_argument(shape: Any, batch_size: Any, dtype: Any) -> None:
    """Raises ArgumentError where the sizes of a shape were given one by one, as `Input(28, 28, 1)`."""
    if isinstance(shape, int) and isinstance(batch_size, int):
        sizes = [size for size in (shape, batch_size, dtype) if isinstance(size, int)]
        raise ArgumentError(
            f"Input: shape must be one tuple, without the batch: Input({tuple(sizes)}). Received: Input("
            f"{', '.join(map(str, sizes))}), of which the second number would be the batch_size"
            f"{', the third the dtype' if len(sizes) > 2 else ''}. For batches of a fixed size name it: "
            f"Input(({shape},), batch_size={batch_size})."
        )


def Input(
    shape: Sequence[int | None] | int | None = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
    tensor: Any = None,
    optional: bool = False,
) -> KerasTensor:
    """A tensor without a value, on which layers are called to make a `Model`; or the first item of a `Sequential`.

    Args:
        shape, batch_size, dtype, batch_shape, name: as of `InputLayer`. Two inputs whose shapes have None for the same
            axis are taken to be of one size there.
        sparse, ragged, tensor, optional: accepted as in Keras; only False, or None, is possible.

    Example:
        inputs = Input((784,))
        hidden = Dense(64, activation="relu")(inputs)
        model = Model(inputs, Dense(10)(hidden))
    """
    layer = InputLayer(
        shape=shape, batch_size=batch_size, dtype=dtype, sparse=sparse or ragged, batch_shape=batch_shape,
        input_tensor=tensor, optional=optional, name=name,
    )  # fmt: skip
    return layer.output
