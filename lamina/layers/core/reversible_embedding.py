"""An embedding that also leads back, from vectors to a score for each number."""

from __future__ import annotations

from typing import Any

from lamina import ops
from lamina.layers.core.embedding import Embedding
from lamina.layers.masks import set_mask


class ReversibleEmbedding(Embedding):
    """An `Embedding` that, called with `reverse=True`, gives vectors a score for each number that it knows.

    Language models use it at both ends, with one table (Press and Wolf, 2017).

    Args:
        input_dim, output_dim, embeddings_initializer, embeddings_regularizer, embeddings_constraint, mask_zero: as of
            `Embedding`.
        tie_weights: whether the way back uses the same table, transposed; True. Otherwise it has one of its own.
        reverse_dtype: in which the scores are computed; the layer's own when None.
        logit_soft_cap: keeps scores within plus and minus this number, by `cap * tanh(score / cap)`; none.

    Call arguments:
        inputs: whole numbers; or vectors `(..., output_dim)` with `reverse=True`.
        reverse: whether to go back; False.
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        tie_weights: bool = True,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        reverse_dtype: Any = None,
        logit_soft_cap: float | None = None,
        **kwargs: Any,
    ):
        self.tie_weights = bool(tie_weights)
        super().__init__(
            input_dim, output_dim, embeddings_initializer=embeddings_initializer,
            embeddings_regularizer=embeddings_regularizer, embeddings_constraint=embeddings_constraint,
            mask_zero=mask_zero, **kwargs,
        )  # fmt: skip
        self.reverse_dtype = reverse_dtype
        self.logit_soft_cap = logit_soft_cap

    def build(self, input_shape: Any = None) -> None:
        super().build(input_shape)
        if not self.tie_weights and len(self._weights) < 2:
            self.reverse_embeddings = self.add_weight(
                name="reverse_embeddings", shape=(self.output_dim, self.input_dim),
                initializer=self.embeddings_initializer,
            )  # fmt: skip

    def call(self, inputs: Any, reverse: bool = False) -> Any:
        if reverse:
            return self._scores(inputs)
        outputs = super().call(inputs)
        if self.mask_zero:
            set_mask(outputs, ops.not_equal(inputs, 0))
        return outputs

    def _scores(self, inputs: Any) -> Any:
        table = ops.transpose(self.embeddings) if self.tie_weights else self.reverse_embeddings
        dtype = self.reverse_dtype or self.compute_dtype
        scores = ops.matmul(ops.cast(inputs, dtype), ops.cast(table, dtype))
        cap = self.logit_soft_cap
        return scores if cap is None else ops.tanh(scores / cap) * cap

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """None: what is embedded gets its mask in the call, and scores have none."""
        return None

    def compute_output_shape(self, input_shape: Any, reverse: bool = False) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.input_dim) if reverse else (*input_shape, self.output_dim)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "tie_weights": self.tie_weights,
            "reverse_dtype": self.reverse_dtype,
            "logit_soft_cap": self.logit_soft_cap,
        }
