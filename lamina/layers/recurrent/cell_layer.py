"""The base of layers that run one cell, with the cell's settings as their own."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from lamina import regularizers
from lamina.layers.input_spec import InputSpec
from lamina.layers.recurrent.rnn import RNN

# The settings of cells that Keras' layers show too.
_SETTINGS = (
    "units", "activation", "recurrent_activation", "use_bias", "kernel_initializer", "recurrent_initializer",
    "bias_initializer", "unit_forget_bias", "kernel_regularizer", "recurrent_regularizer", "bias_regularizer",
    "kernel_constraint", "recurrent_constraint", "bias_constraint", "dropout", "recurrent_dropout", "reset_after",
    "seed", "implementation", "filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate",
)  # fmt: skip


class CellLayer(RNN):
    """A recurrent layer that makes its cell itself: `SimpleRNN`, `LSTM`, `GRU`, `ConvLSTM2D`, ..."""

    def __getattr__(self, name: str) -> Any:
        """The settings of the cell: `layer.units` is `layer.cell.units`."""
        if name in _SETTINGS and "cell" in self.__dict__:
            return attrgetter(name)(self.cell)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __init__(self, cell: Any, **kwargs: Any):
        super().__init__(cell, **kwargs)
        cell.owner = self._title()

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        super().build(sequences_shape, initial_state_shape)
        axis = self._features_axis()
        self.input_spec = InputSpec(ndim=len(sequences_shape), axes={axis: sequences_shape[axis]})

    def _features_axis(self) -> int:
        """The axis of the input of which the cell's kernel has the size."""
        return 2 if getattr(self.cell, "data_format", None) == "channels_first" else -1

    def _for_cell(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """The keywords that go to the cell: taken out of the layer's, or also the layer's."""
        shared: dict[str, Any] = {name: kwargs[name] for name in ("dtype", "trainable") if name in kwargs}
        shared["_owner"] = type(self).__name__ + (f" layer {kwargs['name']!r}" if kwargs.get("name") else "")
        return shared | {name: kwargs.pop(name) for name in ("implementation",) if name in kwargs}

    def get_config(self) -> dict[str, Any]:
        of_cell = {k: v for k, v in self.cell.get_config().items() if k not in ("name", "trainable", "dtype")}
        config = super().get_config() | of_cell
        config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        del config["cell"]
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> CellLayer:
        return cls(**config)
