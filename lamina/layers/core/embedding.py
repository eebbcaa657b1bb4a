"""Vectors for whole numbers: words, characters, categories."""

from __future__ import annotations

from typing import Any

from lamina import constraints, initializers, ops, regularizers
from lamina.base.errors import ArgumentError
from lamina.layers.dense import positive_integer
from lamina.layers.layer import Layer
from lamina.ops.sequences import lookup


class Embedding(Layer):
    """Turns whole numbers from 0 to below `input_dim` into vectors that are learnt: the rows of its one weight.

    Input: whole numbers of any shape, such as `(batch, steps)`; output: that shape with an axis of `output_dim`.

    Compiled training touches only the rows that a batch uses, if the others would stay as they are: with `SGD` (without
    momentum and weight decay) and `Adagrad`, say, however many rows there are. With `Adam` every row changes at every
    step, as its moments fade.

    Args:
        input_dim: how many different numbers there are.
        output_dim: the size of a vector.
        embeddings_initializer: `"uniform"`.
        embeddings_regularizer: penalty added to the loss; none.
        embeddings_constraint: projection after each update; none.
        mask_zero: whether 0 is padding, which layers after this one shall skip; False.
        weights: the first values, an array of shape `(input_dim, output_dim)`, or a list with it; none.
        lora_rank, lora_alpha: accepted as in Keras; only None is possible.

    Raises:
        ArgumentError: if `input_dim` or `output_dim` is not a positive whole number.
        IndexRangeError: when it is called, if a number is negative or not below `input_dim`.
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        **kwargs: Any,
    ):
        kwargs.pop("input_length", None)  # of old scripts; it says nothing that the input does not
        super().__init__(**kwargs)
        self.input_dim = positive_integer(self._title(), "input_dim", input_dim)
        self.output_dim = positive_integer(self._title(), "output_dim", output_dim)
        if lora_rank is not None or lora_alpha is not None:
            raise ArgumentError(f"{self._title()}: low-rank adaptation (lora_rank, lora_alpha) is not supported.")
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = bool(mask_zero)
        self.supports_masking = self.mask_zero
        self.autocast = False  # half floats cannot hold the numbers
        if weights is not None:
            self.build()
            self.set_weights(weights if isinstance(weights, list) and len(weights) == 1 else [weights])

    def build(self, input_shape: Any = None) -> None:
        if self.built:
            return
        self.embeddings = self.add_weight(
            name="embeddings", shape=(self.input_dim, self.output_dim), initializer=self.embeddings_initializer,
            regularizer=self.embeddings_regularizer, constraint=self.embeddings_constraint,
        )  # fmt: skip

    def call(self, inputs: Any) -> Any:
        return ops.cast(lookup(self._title(), self.embeddings, inputs), self.compute_dtype)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """True for all numbers but 0, where 0 is padding; otherwise None."""
        return ops.not_equal(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return (*input_shape, self.output_dim)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            "embeddings_initializer": initializers.serialize(self.embeddings_initializer),
            "embeddings_regularizer": regularizers.serialize(self.embeddings_regularizer),
            "embeddings_constraint": constraints.serialize(self.embeddings_constraint),
            "mask_zero": self.mask_zero,
        }
