"""The entry of a model: the shape of its input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
            one = (shape,) if isinstance(shape, int) else tuple(shape)  # type: ignore[arg-type]
            batch_shape = (batch_size, *one)
        for size in batch_shape:
            if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 0):
                raise ArgumentError(
                    f"{self._title()}: a shape has whole numbers, and None for sizes that vary. Received: "
                    f"{tuple(batch_shape)}."
                )
        self.batch_shape = tuple(batch_shape)
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
