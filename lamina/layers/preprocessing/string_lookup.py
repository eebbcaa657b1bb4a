"""Words as whole numbers, and back."""

from __future__ import annotations

import zlib
from typing import Any

from lamina.layers.preprocessing.index_lookup import IndexLookup


class StringLookup(IndexLookup):
    """Gives each word of a vocabulary a number, or each number its word.

    It works at once, on lists and NumPy arrays of strings, and cannot be a part of a model: call it on the data. The
    vocabulary is given, or learnt with `adapt`.

    Args:
        max_tokens: how many numbers there are at most, with the special ones; as many as words when None.
        num_oov_indices: how many numbers there are for words that are not in the vocabulary: with 0 they are an error,
            with 1 (default) they share it, with more a checksum chooses one (which one differs from Keras).
        mask_token: the word that is number 0, such as `""`; none.
        oov_token: what stands for unknown words, also where numbers become words; `"[UNK]"`.
        vocabulary: the words in order; or the path of a file with a word a line; or None, for `adapt`.
        idf_weights: of the words, with `output_mode="tf_idf"`.
        invert: whether numbers become words; False.
        output_mode: `"int"` (default): numbers; `"one_hot"`, `"multi_hot"`, `"count"`: an axis for the vocabulary, with
            1 or a count where a word is; `"tf_idf"`: counts times the inverse frequencies of documents.
        pad_to_max_tokens: whether that axis has `max_tokens` places even if the vocabulary is smaller; False.
        sparse: must be False.
        encoding: of bytes; `"utf-8"` only.

    Raises:
        ArgumentError: if arguments do not go together.

    Example:
        lookup = layers.StringLookup(vocabulary=["cat", "dog"])
        lookup(["dog", "cow"])  # [2, 0]
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str = "[UNK]",
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        **kwargs: Any,
    ):
        super().__init__(
            max_tokens, num_oov_indices, mask_token, oov_token, vocabulary, idf_weights, invert, output_mode,
            pad_to_max_tokens, sparse, **kwargs,
        )  # fmt: skip
        self.encoding = encoding

    def _token(self, value: Any) -> str:
        return value if isinstance(value, str) else value.decode() if isinstance(value, bytes) else str(value)

    def _bucket(self, token: Any) -> int:
        return zlib.crc32(token.encode()) % self.num_oov_indices
