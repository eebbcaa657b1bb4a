"""Texts as sequences of numbers of words."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamina import ops
from lamina.base.errors import ArgumentError
from lamina.layers.preprocessing.host_layer import HostLayer, as_array, batches_of
from lamina.layers.preprocessing.string_lookup import StringLookup

_STANDARDIZE = ("lower_and_strip_punctuation", "lower", "strip_punctuation", None)
_SPLIT = ("whitespace", "character", None)
_MODES = ("int", "multi_hot", "count", "tf_idf")
_PUNCTUATION = str.maketrans("", "", "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'")
# As in Keras, only letters of ASCII become small, and only its spaces part words.
_SMALL = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
_SPACES = re.compile(r"[ \t\n\r\f\v]+")


class TextVectorization(HostLayer):
    """Texts become sequences of whole numbers, or counts of words.

    Each text is standardized, split into words, these are joined into n-grams where such are wanted, and looked up. It
    works at once, on strings, lists and NumPy arrays of strings, and cannot be a part of a model: call it on the data,
    and give its result to `fit`. In Keras on TensorFlow functions for `standardize` and `split` are given tensors; here
    they are given one text at a time.

    Args:
        max_tokens: the size of the vocabulary at most, with the special words; no limit when None.
        standardize: `"lower_and_strip_punctuation"` (default), `"lower"`, `"strip_punctuation"`, None, or a function of
            a text.
        split: `"whitespace"` (default), `"character"`, None for the whole text as one word, or a function of a text
            that gives a list.
        ngrams: n for all sequences of up to n words; a tuple for those of these lengths; None for single words.
        output_mode: `"int"` (default): numbers, 0 for padding and 1 for unknown words; `"multi_hot"`, `"count"`,
            `"tf_idf"`: an axis for the vocabulary, as of `StringLookup`.
        output_sequence_length: to which texts are padded or cut, with `"int"`; the longest of a call when None.
        pad_to_max_tokens: whether the axis for the vocabulary has `max_tokens` places; False.
        vocabulary: the words in order; or the path of a file with a word a line; or None, for `adapt`.
        idf_weights: of the words, with `"tf_idf"`.
        sparse: must be False.
        ragged: whether texts keep their lengths, with `"int"`: the result is a list of NumPy arrays then; False.
        encoding: of bytes; `"utf-8"` only.

    Raises:
        ArgumentError: if arguments do not go together.

    Example:
        vectorize = layers.TextVectorization(output_sequence_length=4)
        vectorize.adapt(["the cat sat", "the dog"])
        vectorize(["The dog sat!"])  # [[2, 4, 3, 0]]
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: str | Callable[[str], Any] | None = "lower_and_strip_punctuation",
        split: str | Callable[[str], Any] | None = "whitespace",
        ngrams: int | Sequence[int] | None = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Any = None,
        idf_weights: Any = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self._choose("standardize", standardize, _STANDARDIZE)
        self._choose("split", split, _SPLIT)
        if output_mode not in _MODES:
            raise ArgumentError(
                f"{self._title()}: output_mode must be one of {', '.join(_MODES)}. Received: {output_mode!r}."
            )
        if output_mode != "int" and (output_sequence_length is not None or ragged):
            raise ArgumentError(f"{self._title()}: output_sequence_length and ragged go with output_mode='int' only.")
        self.standardize = standardize
        self.split = split
        self.ngrams = (
            tuple(range(1, ngrams + 1)) if isinstance(ngrams, int) else None if ngrams is None else tuple(ngrams)
        )
        self.output_mode = output_mode
        self.output_sequence_length = output_sequence_length
        self.ragged = ragged
        self.encoding = encoding
        self._lookup = StringLookup(
            max_tokens, mask_token="", vocabulary=vocabulary, idf_weights=idf_weights, output_mode=output_mode,
            pad_to_max_tokens=pad_to_max_tokens, sparse=sparse, name=f"{self.name}_lookup", _owner=self._title(),
        )  # fmt: skip

    def _choose(self, name: str, value: Any, allowed: Sequence[Any]) -> None:
        if not callable(value) and value not in allowed:
            raise ArgumentError(
                f"{self._title()}: {name} must be one of {', '.join(map(repr, allowed))}, or a function of a text. "
                f"Received: {value!r}."
            )

    # ---- vocabulary ----

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Learns the vocabulary: the most frequent words of texts.

        Args:
            data: texts in a list or array; or a dataset or generator of batches of them.
            batch_size: accepted as in Keras, without effect.
            steps: batches to read at most; None for all.
        """
        self._lookup._learn([self._words(t) for t in self._texts(b).ravel().tolist()] for b in batches_of(data, steps))

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[str]:
        """The words by their numbers; with `"int"`, `""` for padding and `"[UNK]"` in front."""
        return self._lookup.get_vocabulary(include_special_tokens)

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Gives the layer a vocabulary, see `StringLookup.set_vocabulary`."""
        self._lookup.set_vocabulary(vocabulary, idf_weights)

    def vocabulary_size(self) -> int:
        """How many numbers there are, with those for padding and unknown words."""
        return self._lookup.vocabulary_size()

    # ---- calls ----

    def call(self, inputs: Any) -> Any:
        """Numbers of words.

        Args:
            inputs: a text; texts `(batch,)` or `(batch, 1)`.

        Returns:
            An int64 tensor `(batch, words)`, or `(batch, vocabulary)`; float for `"tf_idf"`. Without the batch for a
            single text. A list of arrays if `ragged`.
        """
        texts = self._texts(inputs)
        if not self._lookup.known:
            raise ArgumentError(f"{self._title()} has no vocabulary. Call `adapt(texts)` or `set_vocabulary(words)`.")
        numbers = [self._lookup.numbers(self._words(text)) for text in texts.ravel().tolist()]
        if self.output_mode != "int":
            rows = np.stack([self._lookup.encoded(row) for row in numbers])
            return ops.convert_to_tensor(rows if texts.ndim else rows[0])
        if self.ragged:
            return [row[: self.output_sequence_length] for row in numbers] if texts.ndim else numbers[0]
        wanted = self.output_sequence_length
        size = max((len(row) for row in numbers), default=0) if wanted is None else wanted
        result = np.zeros((len(numbers), size), np.int64)
        for row, found in zip(result, numbers, strict=True):
            row[: min(len(found), size)] = found[:size]
        return ops.convert_to_tensor(result if texts.ndim else result[0])

    def _texts(self, inputs: Any) -> np.ndarray:
        texts = as_array(inputs)
        if texts.ndim > 1 and texts.shape[-1] == 1:
            texts = texts[..., 0]
        if texts.ndim > 1:
            raise ArgumentError(
                f"{self._title()} takes texts of shape (batch,) or (batch, 1). Received: shape {texts.shape}."
            )
        items = texts.ravel().tolist()
        place = next((k for k, item in enumerate(items) if not isinstance(item, str)), None)
        if place is not None or texts.dtype.kind not in "UO":
            what = "no texts" if place is None else f"{items[place]!r} of type {type(items[place]).__name__} at {place}"
            raise ArgumentError(
                f"{self._title()} takes texts. Received: {what}. Where texts are missing, put in '' (of a pandas "
                "column: fillna(''))."
            )
        return texts

    def _words(self, text: str) -> list[str]:
        """The words, or n-grams, of a text."""
        kind = self.standardize
        if callable(kind):
            text = str(kind(text))
        elif kind is not None:
            text = text.translate(_SMALL) if kind.startswith("lower") else text
            text = text if kind == "lower" else text.translate(_PUNCTUATION)
        if callable(self.split):
            words = [str(word) for word in self.split(text)]
        elif self.split == "whitespace":
            words = [word for word in _SPACES.split(text) if word]
        else:
            words = list(text) if self.split == "character" else [text]
        if self.ngrams is None:
            return words
        return [" ".join(words[i : i + n]) for n in self.ngrams for i in range(len(words) - n + 1)]

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor, with the vocabulary that was learnt; functions as they are."""
        inner = self._lookup.get_config()
        return super().get_config() | {
            "max_tokens": self._lookup.max_tokens, "standardize": self.standardize, "split": self.split,
            "ngrams": self.ngrams, "output_mode": self.output_mode,
            "output_sequence_length": self.output_sequence_length,
            "pad_to_max_tokens": self._lookup.pad_to_max_tokens, "vocabulary": inner["vocabulary"],
            "idf_weights": inner["idf_weights"], "ragged": self.ragged, "encoding": self.encoding,
        }  # fmt: skip
