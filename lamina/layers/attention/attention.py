"""Attention of one head without projections, by products (Luong) or sums (Bahdanau) of queries and keys."""

from __future__ import annotations

from typing import Any

from lamina import ops, random
from lamina.base.errors import ArgumentError
from lamina.layers.layer import Layer
from lamina.layers.spatial import choice
from lamina.ops.attention import causal_mask


class Attention(Layer):
    """The sum of values in shares, which follow from how well each key matches a query.

    Args:
        use_scale: whether scores are multiplied by a weight that is learnt; False.
        score_mode: `"dot"` (default): a score is the product of query and key; `"concat"`: the sum of
            `tanh(query + key)`, times a weight that is learnt.
        dropout: share of the shares that training drops; 0.
        seed: of the dropout; drawn when None.

    Call arguments:
        inputs: `[query, value]` or `[query, value, key]`, of shapes `(batch, targets, size)`,
            `(batch, sources, value_size)` and `(batch, sources, size)`; the key is the value when not given.
        mask: `[query_mask, value_mask]`, each bools `(batch, steps)` or None: masked values are left out, the result of
            masked queries is 0.
        return_attention_scores: whether to give the shares too; False.
        training: whether to drop shares.
        use_causal_mask: whether a target sees only the sources up to its own position; False.

    Returns:
        `(batch, targets, value_size)`, and on request the shares `(batch, targets, sources)`.

    Raises:
        ArgumentError: if an argument is not of these, or the inputs are no list of two or three.

    Source: Luong et al., 2015.
    """

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.use_scale = use_scale
        self.score_mode = choice(self._title(), "score_mode", score_mode, ("dot", "concat"))
        self.dropout = checked_rate(self._title(), dropout)
        self.seed = seed
        if self.dropout > 0:
            self.seed_generator = random.SeedGenerator(seed)

    def build(self, input_shape: Any) -> None:
        self._check(input_shape)
        self.scale = self.add_weight(name="scale", shape=(), initializer="ones") if self.use_scale else None
        self.concat_score_weight = None
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight(name="concat_score_weight", shape=(), initializer="ones")

    def _scores(self, query: Any, key: Any) -> Any:
        """`(batch, targets, sources)`"""
        if self.score_mode == "dot":
            scores = ops.einsum("...td,...sd->...ts", query, key)
            return scores if self.scale is None else scores * self.scale
        sums = ops.expand_dims(query, -2) + ops.expand_dims(key, -3)
        if self.scale is not None:
            sums = self.scale * sums
        return self.concat_score_weight * ops.sum(ops.tanh(sums), axis=-1)

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        training: bool | None = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        self._check(inputs, mask)
        query, value = inputs[:2]
        key = inputs[2] if len(inputs) > 2 else value
        query_mask, value_mask = (None, None) if mask is None else mask[:2]
        scores = self._scores(query, key)
        keep = None if value_mask is None else ops.expand_dims(ops.cast(value_mask, "bool"), -2)
        if use_causal_mask:
            causal = causal_mask(query, key, axis=-2)
            keep = causal if keep is None else ops.logical_and(keep, causal)
        if keep is not None:
            scores = ops.where(keep, scores, scores - (65504.0 if scores.dtype == "float16" else 1e9))
        shares = ops.softmax(scores, axis=-1)
        if training and self.dropout > 0:
            shares = random.dropout(shares, self.dropout, seed=self.seed_generator)
        outputs = ops.einsum("...ts,...sd->...td", shares, value)
        if query_mask is not None:
            outputs = ops.where(ops.expand_dims(ops.cast(query_mask, "bool"), -1), outputs, ops.zeros_like(outputs))
        return (outputs, shares) if return_attention_scores else outputs

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The mask of the query."""
        self._check(inputs, mask)
        return None if mask is None else mask[0]

    def _check(self, inputs: Any, mask: Any = None) -> None:
        if (
            not isinstance(inputs, (list, tuple))
            or len(inputs) not in (2, 3)
            or isinstance(inputs[0], (int, type(None)))
        ):
            raise ArgumentError(
                f"{self._title()} takes a list [query, value] or [query, value, key]. Received: "
                f"{f'a list of {len(inputs)}' if isinstance(inputs, list) else f'{type(inputs).__name__}'}."
            )
        if mask is not None and (not isinstance(mask, (list, tuple)) or len(mask) not in (2, 3)):
            raise ArgumentError(
                f"{self._title()}: mask must be a list [query_mask, value_mask], each of them a tensor or None. "
                f"Received: {type(mask).__name__}."
            )

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        self._check(input_shape)
        return (*input_shape[0][:-1], input_shape[1][-1])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "use_scale": self.use_scale,
            "score_mode": self.score_mode,
            "dropout": self.dropout,
            "seed": self.seed,
        }


def checked_rate(owner: str, rate: Any) -> float:
    """A share that can be dropped, or ArgumentError."""
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate < 1:
        raise ArgumentError(f"{owner}: dropout must be a number from 0 to below 1. Received: {rate!r}.")
    return rate
