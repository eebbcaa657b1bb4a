"""What the cells of recurrent layers have in common: settings, weights, and dropout that lasts for a sequence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from lamina import activations, constraints, initializers, ops, random, regularizers
from lamina.base.dims import Dimension
from lamina.base.errors import ArgumentError, ShapeError
from lamina.layers.dense import positive_integer
from lamina.layers.layer import Layer

Shape = tuple[int | None, ...]
Apply = Callable[[Any, Any], Any]


class DropoutCell(Layer):
    """A cell that sets some inputs and some of its state to 0 while training, the same ones in all steps.

    A layer such as `LSTM` draws the choice once for each call. A cell that is called by itself draws at every call.

    Attributes:
        output_state: which of the states is the output too.
        mask_count: how many choices are made, one for each gate; 1.
        owner: what messages call the layer that made the cell; None where the user made it.
    """

    output_state = 0
    mask_count = 1

    def __init__(
        self, dropout: float, recurrent_dropout: float, seed: int | None, _owner: str | None = None, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.owner = _owner
        self.dropout = _share(self._title(), "dropout", dropout)
        self.recurrent_dropout = _share(self._title(), "recurrent_dropout", recurrent_dropout)
        self.seed = seed
        self.seed_generator = random.SeedGenerator(seed)
        self._kept: tuple[list[Any], list[Any]] | None = None

    def _title(self) -> str:
        return super()._title() if self.owner is None else self.owner

    def state_dims(self) -> tuple[Dimension, ...]:
        """The shape of the state that dropout is for, without the batch."""
        raise NotImplementedError(f"{type(self).__name__} does not say what shape its state has.")

    @contextmanager
    def same_dropout(self, batch: Dimension, training: Any) -> Iterator[None]:
        """Within the block, all calls of the cell drop the same values."""
        self._kept = self._drawn(batch) if training and self.built else None
        try:
            yield
        finally:
            self._kept = None

    def _drawn(self, batch: Dimension) -> tuple[list[Any], list[Any]]:
        assert self._build_shape is not None
        inputs = (batch, *self._build_shape[1:])
        return self._masks(inputs, self.dropout), self._masks((batch, *self.state_dims()), self.recurrent_dropout)

    def _masks(self, shape: Sequence[Dimension], rate: float) -> list[Any]:
        if not rate:
            return []
        ones = ops.ones(shape, self.compute_dtype)
        return [random.dropout(ones, rate, seed=self.seed_generator) for _ in range(self.mask_count)]

    def _masks_for(self, inputs: Any, training: Any) -> tuple[list[Any], list[Any]]:
        """What the inputs and the state are multiplied with, for each gate; nothing where nothing is dropped."""
        if not training or not (self.dropout or self.recurrent_dropout):
            return [], []
        return self._kept if self._kept is not None else self._drawn(inputs.dims[0])


class GatedCell(DropoutCell):
    """The base of the cells whose gates are parts of one kernel for the inputs and one for the state.

    A subclass says in `_shapes` what shapes its weights have.

    Args:
        as of `LSTM`.

    Attributes:
        gates: into how many parts the kernels fall.

    Raises:
        ArgumentError: if a rate of dropout is not within 0 and 1.
    """

    gates = 1

    def __init__(
        self,
        *,
        activation: Any,
        use_bias: bool,
        kernel_initializer: Any,
        recurrent_initializer: Any,
        bias_initializer: Any,
        kernel_regularizer: Any,
        recurrent_regularizer: Any,
        bias_regularizer: Any,
        kernel_constraint: Any,
        recurrent_constraint: Any,
        bias_constraint: Any,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = regularizers.get(recurrent_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.recurrent_constraint = constraints.get(recurrent_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def _shapes(self, input_shape: Shape) -> tuple[Shape, Shape, Shape]:
        """The shapes of the kernel for the inputs, of that for the state, and of the bias."""
        raise NotImplementedError(f"{type(self).__name__} does not say what its weights are.")

    def _first_bias(self) -> Any:
        """The initializer of the bias."""
        return self.bias_initializer

    def build(self, input_shape: Shape) -> None:
        kernel, recurrent_kernel, bias = self._shapes(input_shape)
        self.kernel = self.add_weight(
            name="kernel", shape=kernel, initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer, constraint=self.kernel_constraint,
        )  # fmt: skip
        self.recurrent_kernel = self.add_weight(
            name="recurrent_kernel", shape=recurrent_kernel, initializer=self.recurrent_initializer,
            regularizer=self.recurrent_regularizer, constraint=self.recurrent_constraint,
        )  # fmt: skip
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=bias, initializer=self._first_bias(),
                regularizer=self.bias_regularizer, constraint=self.bias_constraint,
            )  # fmt: skip

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "recurrent_initializer": initializers.serialize(self.recurrent_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "recurrent_regularizer": regularizers.serialize(self.recurrent_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "recurrent_constraint": constraints.serialize(self.recurrent_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
            "dropout": self.dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "seed": self.seed,
        }


class RecurrentCell(GatedCell):
    """The base of `SimpleRNNCell`, `LSTMCell` and `GRUCell`.

    Args:
        units: size of the output and of each state.
        implementation: 1 where each gate has a choice of its own of the inputs that dropout sets to 0, 2 where they
            share one; 2. It is 1 where `recurrent_dropout` is not 0, as in Keras.

    Raises:
        ArgumentError: if `units` is not a positive whole number, or `implementation` not 1 or 2.
    """

    def __init__(self, units: int, *, implementation: int = 2, **kwargs: Any):
        super().__init__(**kwargs)
        self.units = positive_integer(self._title(), "units", units)
        if implementation not in (1, 2):
            raise ArgumentError(f"{self._title()}: implementation must be 1 or 2. Received: {implementation!r}.")
        self.implementation = 1 if self.recurrent_dropout and self.gates > 1 else implementation
        self.mask_count = self.gates if self.implementation == 1 else 1
        self.state_size: Any = self.units
        self.output_size = self.units

    def _shapes(self, input_shape: Shape) -> tuple[Shape, Shape, Shape]:
        features, wide = input_shape[-1], self.gates * self.units
        if features is None:
            raise ShapeError(
                f"{self._title()}: the last axis of the input must be known to make the kernel. Received: input shape "
                f"{tuple(input_shape)}."
            )
        return (features, wide), (self.units, wide), (wide,)

    def state_dims(self) -> tuple[Dimension, ...]:
        return (self.units,)

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        """The states before the first step: zeros `(batch_size, units)`."""
        sizes = self.state_size if isinstance(self.state_size, list) else [self.state_size]
        return [ops.zeros((batch_size, size), self.compute_dtype) for size in sizes]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


def product(x: Any, kernel: Any, masks: Sequence[Any], apply: Apply = ops.matmul, axis: int = -1) -> Any:
    """`apply(x, kernel)`, where each gate's part of the kernel may have a mask for `x` of its own.

    Args:
        masks: what `x` is multiplied with: nothing, one for all gates, or one for each.
        axis: of the result, along which the gates are.
    """
    if not masks:
        return apply(x, kernel)
    if len(masks) == 1:
        return apply(x * masks[0], kernel)
    parts = ops.split(kernel, len(masks), axis=-1)
    return ops.concatenate([apply(x * mask, part) for mask, part in zip(masks, parts)], axis=axis)


def forget_at_first(bias_initializer: Any, units: int) -> Any:
    """An initializer for the bias of four gates that gives the second, which forgets, ones."""

    def initializer(shape: Any, dtype: Any = None) -> Any:
        ones = initializers.Ones()((units,), dtype=dtype)
        first, last = (bias_initializer((size,), dtype=dtype) for size in (units, 2 * units))
        return ops.concatenate([first, ones, last], axis=0)

    return initializer


def single(states: Any) -> Any:
    """The state of a cell that has one, given by itself or in a list."""
    return states[0] if isinstance(states, (list, tuple)) else states


def like(given: Any, state: Any) -> Any:
    """The new state of a cell that has one, in a list if the old one was."""
    return [state] if isinstance(given, (list, tuple)) else state


def _share(owner: str, name: str, rate: Any) -> float:
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
        raise ArgumentError(f"{owner}: {name} must be a number from 0 to 1. Received: {rate!r}.")
    return rate
