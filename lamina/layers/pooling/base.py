"""What the layers that sum up windows have in common."""

from __future__ import annotations

from typing import Any

from lamina.layers.spatial import SampleShape, SpatialLayer, padding_mode, whole_numbers


class Pooling(SpatialLayer):
    """The base of the layers that move a window over their input.

    Args:
        pool_size: of the window, for all axes or for each.
        strides: how far the window moves; `pool_size` when None.
        padding: `"valid"`: only windows that lie in the input; `"same"`: one for every stride begun, with what lies
            outside left out of account.
        data_format: `"channels_last"` or `"channels_first"`; that of the configuration when None.

    Raises:
        ArgumentError: for sizes or strides that are no positive whole numbers, or an unknown padding.
    """

    def __init__(
        self, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: str | None = None,
        name: str | None = None, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(data_format, name=name, **kwargs)
        self.pool_size = whole_numbers(self._title(), "pool_size", pool_size, self.rank)
        strides = self.pool_size if strides is None else strides
        self.strides = whole_numbers(self._title(), "strides", strides, self.rank)
        self.padding = padding_mode(self._title(), padding)
        self.built = True

    def call(self, inputs: Any) -> Any:
        self.compute_output_shape(tuple(inputs.shape))
        return self._pool(
            inputs, pool_size=self.pool_size, strides=self.strides, padding=self.padding, data_format=self.data_format
        )

    def _pool(self, inputs: Any, **arguments: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not say how it sums up a window.")

    def compute_output_shape(self, input_shape: SampleShape) -> SampleShape:
        counts = self._windows(input_shape, "pool_size", self.pool_size, self.strides, self.padding)
        return self._joined(input_shape[0], counts, input_shape[self._channel_axis])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "pool_size": self.pool_size,
            "padding": self.padding,
            "strides": self.strides,
            "data_format": self.data_format,
        }
