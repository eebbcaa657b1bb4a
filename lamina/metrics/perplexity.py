"""How surprised a language model is."""

from __future__ import annotations

from typing import Any

from lamina import losses, ops
from lamina.layers.masks import mask_of
from lamina.losses.shapes import aligned
from lamina.metrics.metric import Metric


class Perplexity(Metric):
    """`exp` of the mean cross-entropy of all tokens: of how many equally likely ones the model seems to choose.

    As in KerasHub; 0 before the first token. Unlike a mean of batches, each token counts the same.

    Args:
        from_logits: whether predictions are logits instead of probabilities; False.
        mask_token_id: a token that does not count, such as that of padding; none. What a mask of the predictions hides
            does not count either.
        dtype: of the state; `floatx()` when None.
        name: `"perplexity"`.
    """

    def __init__(
        self,
        from_logits: bool = False,
        mask_token_id: int | None = None,
        dtype: Any = None,
        name: str | None = "perplexity",
    ):
        super().__init__(dtype=dtype, name=name)
        self.from_logits = from_logits
        self.mask_token_id = mask_token_id
        self.crossentropy = self.add_variable(name="crossentropy")
        self.count = self.add_variable(name="count")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch.

        Args:
            y_true: numbers of tokens `(batch, steps)`, or `(batch,)`.
            y_pred: `(batch, steps, vocabulary)`, or `(batch, vocabulary)`.
            sample_weight: of each sample or token; 1 when None.
        """
        mask = mask_of(y_pred)
        tokens = ops.convert_to_tensor(y_true)
        values = losses.sparse_categorical_crossentropy(tokens, y_pred, from_logits=self.from_logits)
        values = ops.cast(values, self.dtype)
        rank = len(values.shape)
        weights = ops.ones_like(values)
        if sample_weight is not None:
            weights = weights * aligned(ops.convert_to_tensor(sample_weight, self.dtype), rank)
        if mask is not None:
            weights = weights * aligned(ops.cast(mask, self.dtype), rank)
        if self.mask_token_id is not None:
            tokens = ops.squeeze(tokens, -1) if len(tokens.shape) > rank else tokens
            weights = weights * ops.cast(ops.not_equal(tokens, self.mask_token_id), self.dtype)
        self.crossentropy.assign_add(ops.sum(values * weights))
        self.count.assign_add(ops.sum(weights))

    def result(self) -> Any:
        mean = ops.divide_no_nan(self.crossentropy, self.count)
        return ops.where(self.count > 0, ops.exp(mean), 0.0)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"from_logits": self.from_logits, "mask_token_id": self.mask_token_id}
