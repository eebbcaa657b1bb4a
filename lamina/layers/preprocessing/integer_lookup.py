"""Whole numbers of a vocabulary as numbers from 0 on, and back."""

from __future__ import annotations

from typing import Any

from lamina.base.errors import ArgumentError
from lamina.layers.preprocessing.index_lookup import IndexLookup


class IntegerLookup(IndexLookup):
    """Gives each whole number of a vocabulary a number from 0 on, or the other way round.

    It works at once, on lists, arrays and tensors, and cannot be a part of a model: call it on the data.

    Args:
        max_tokens, vocabulary, idf_weights, invert, output_mode, pad_to_max_tokens, sparse: as of `StringLookup`.
        num_oov_indices: as there; with more than 1 the remainder of the division by it chooses.
        mask_token: the whole number that becomes 0; none.
        oov_token: what unknown numbers become with `invert`; -1.
        vocabulary_dtype: `"int64"`, or `"int32"`; without effect.

    Raises:
        ArgumentError: if arguments do not go together, or something is no whole number.
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int = -1,
        vocabulary: Any = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        **kwargs: Any,
    ):
        super().__init__(
            max_tokens, num_oov_indices, mask_token, oov_token, vocabulary, idf_weights, invert, output_mode,
            pad_to_max_tokens, sparse, **kwargs,
        )  # fmt: skip
        self.vocabulary_dtype = vocabulary_dtype

    def _token(self, value: Any) -> int:
        try:
            number = int(value)
        except (TypeError, ValueError):
            number = None
        if number is None or (isinstance(value, float) and value != number):
            raise ArgumentError(f"{self._title()} takes whole numbers. Received: {value!r}.")
        return number

    def _bucket(self, token: Any) -> int:
        return int(token % self.num_oov_indices)
