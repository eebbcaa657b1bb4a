"""Dropout of whole channels."""

from __future__ import annotations

from typing import Any

from lamina.base.config import image_data_format
from lamina.layers.regularization.dropout import Dropout
from lamina.layers.spatial import SpatialSpec, choice


class _SpatialDropout(Dropout):
    """Base of dropout that makes one choice for each channel of each sample.

    Attributes:
        rank: number of axes of space.
    """

    rank: int

    def __init__(self, rate: float, data_format: str | None, seed: int | None, **kwargs: Any):
        super().__init__(rate, seed=seed, **kwargs)
        given = image_data_format() if data_format is None else data_format
        self.data_format = choice(self._title(), "data_format", given, ("channels_last", "channels_first"))
        self.input_spec = SpatialSpec(self.rank, self.data_format)

    def _pattern_shape(self, inputs: Any) -> tuple[Any, ...]:
        batch, space = inputs.dims[0], (1,) * self.rank
        if self.data_format == "channels_last":
            return (batch, *space, inputs.dims[-1])
        return (batch, inputs.dims[1], *space)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config() | {"data_format": self.data_format}
        del config["noise_shape"]
        return config


class SpatialDropout1D(_SpatialDropout):
    """Sets whole channels of a sample to 0 while training, instead of single values.

    Neighbouring steps are often alike, so that dropout of single values would take little away. Input and output:
    `(batch, steps, channels)`.

    Args:
        rate: the share of channels, from 0 to 1.
        seed: of the random numbers; drawn when None.

    Source: Tompson et al., 2014.
    """

    rank = 1

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any):
        super().__init__(rate, "channels_last", seed, **kwargs)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["data_format"]
        return config


class SpatialDropout2D(_SpatialDropout):
    """Sets whole channels of an image to 0 while training, instead of single values.

    Input and output: `(batch, height, width, channels)`, or channels first.

    Args:
        rate: the share of channels, from 0 to 1.
        data_format: `"channels_last"` or `"channels_first"`; the default of the configuration when None.
        seed: of the random numbers; drawn when None.

    Source: Tompson et al., 2014.
    """

    rank = 2

    def __init__(self, rate: float, data_format: str | None = None, seed: int | None = None, **kwargs: Any):
        super().__init__(rate, data_format, seed, **kwargs)


class SpatialDropout3D(_SpatialDropout):
    """Sets whole channels of a volume to 0 while training, instead of single values.

    Input and output: `(batch, depth, height, width, channels)`, or channels first.

    Args:
        rate: the share of channels, from 0 to 1.
        data_format: `"channels_last"` or `"channels_first"`; the default of the configuration when None.
        seed: of the random numbers; drawn when None.

    Source: Tompson et al., 2014.
    """

    rank = 3

    def __init__(self, rate: float, data_format: str | None = None, seed: int | None = None, **kwargs: Any):
        super().__init__(rate, data_format, seed, **kwargs)
