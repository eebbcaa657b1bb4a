"""What lookups of words and of whole numbers have in common: a vocabulary, learnt or given."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lamina import ops
from lamina.base.config import floatx
from lamina.base.errors import ArgumentError
from lamina.layers.preprocessing.host_layer import HostLayer, as_array, batches_of

_MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")
_OLD_NAMES = {"binary": "multi_hot", "tf-idf": "tf_idf"}


class IndexLookup(HostLayer):
    """Base of layers that give each entry of a vocabulary a number.

    The mask token is 0 (with `output_mode="int"` alone), then come the numbers of what is not in the vocabulary, then
    its entries, the most frequent first and of equally frequent ones the last in order.
    """

    def __init__(
        self,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: Any,
        oov_token: Any,
        vocabulary: Any,
        idf_weights: Any,
        invert: bool,
        output_mode: str,
        pad_to_max_tokens: bool,
        sparse: bool,
        _owner: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self._owner = _owner
        output_mode = _OLD_NAMES.get(output_mode, output_mode)
        self._check(max_tokens, num_oov_indices, idf_weights, invert, output_mode, pad_to_max_tokens, sparse)
        self.max_tokens = max_tokens
        self.num_oov_indices = num_oov_indices
        self.mask_token = mask_token
        self.oov_token = oov_token
        self.invert = invert
        self.output_mode = output_mode
        self.pad_to_max_tokens = pad_to_max_tokens
        self._tokens: list[Any] = []
        self._places: dict[Any, int] = {}
        self._weights_of_tokens: np.ndarray | None = None
        self.known = False
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)

    def _title(self) -> str:
        return super()._title() if self._owner is None else self._owner

    def _check(
        self, most: Any, others: Any, idf_weights: Any, invert: bool, mode: str, pad_to_most: bool, sparse: bool
    ) -> None:
        """Raises ArgumentError where arguments do not go together."""
        title = self._title()
        if mode not in _MODES:
            raise ArgumentError(f"{title}: output_mode must be one of {', '.join(_MODES)}. Received: {mode!r}.")
        if most is not None and (isinstance(most, bool) or not isinstance(most, int) or most <= 1):
            raise ArgumentError(f"{title}: max_tokens must be a whole number above 1, or None. Received: {most!r}.")
        if isinstance(others, bool) or not isinstance(others, int) or others < 0:
            raise ArgumentError(f"{title}: num_oov_indices must be a whole number of at least 0. Received: {others!r}.")
        if pad_to_most and most is None:
            raise ArgumentError(f"{title}: pad_to_max_tokens=True needs max_tokens.")
        if sparse:
            raise ArgumentError(f"{title}: sparse=True is not supported; results are dense.")
        if invert and mode != "int":
            raise ArgumentError(f"{title}: invert=True goes with output_mode='int' only. Received: {mode!r}.")
        if idf_weights is not None and mode != "tf_idf":
            raise ArgumentError(f"{title}: idf_weights go with output_mode='tf_idf' only. Received: {mode!r}.")

    # ---- for subclasses ----

    def _token(self, value: Any) -> Any:
        """An entry of the vocabulary, of the user's data."""
        raise NotImplementedError(f"{self._title()} has no `_token(self, value)`.")

    def _bucket(self, token: Any) -> int:
        """Which of several numbers for the unknown a token gets."""
        raise NotImplementedError(f"{self._title()} has no `_bucket(self, token)`.")

    # ---- vocabulary ----

    @property
    def _masks(self) -> int:
        return int(self.mask_token is not None and self.output_mode == "int")

    def _special(self) -> list[Any]:
        return [self.mask_token] * self._masks + [self.oov_token] * self.num_oov_indices

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The entries by their numbers.

        Args:
            include_special_tokens: whether the mask token, and the one for the unknown, are among them; True.
        """
        return [*self._special(), *self._tokens] if include_special_tokens else list(self._tokens)

    def vocabulary_size(self) -> int:
        """How many numbers there are."""
        return len(self._special()) + len(self._tokens)

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Gives the layer a vocabulary.

        Args:
            vocabulary: the entries in order, with the special ones in front or without; or the path of a file with an
                entry a line.
            idf_weights: a weight for each entry, with `output_mode="tf_idf"`.

        Raises:
            ArgumentError: if an entry comes twice, there are too many, or weights are missing.
        """
        if isinstance(vocabulary, (str, Path)):
            vocabulary = self._lines_of(vocabulary)
        tokens = [self._token(v) for v in as_array(vocabulary).ravel().tolist()]
        special = self._special()
        begins = len(special) > 0 and tokens[: len(special)] == special
        tokens = tokens[len(special) :] if begins else tokens
        twice = [token for token, count in Counter(tokens).items() if count > 1]
        if twice:
            raise ArgumentError(f"{self._title()}: vocabulary must not have an entry twice. Received: {twice[0]!r}.")
        if self.max_tokens is not None and len(special) + len(tokens) > self.max_tokens:
            raise ArgumentError(
                f"{self._title()}: the vocabulary has {len(special) + len(tokens)} entries, with special ones; "
                f"max_tokens is {self.max_tokens}."
            )
        self._set_tokens(tokens)
        if self.output_mode == "tf_idf":
            self._set_weights(idf_weights, begins)

    def _lines_of(self, path: str | Path) -> list[str]:
        """The entries in a file, or ArgumentError."""
        try:
            return Path(path).read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise ArgumentError(
                f"{self._title()}: vocabulary is a string, which is taken for the path of a file with an entry a line; "
                f"{str(path)!r} cannot be read ({error.strerror}). Entries themselves are given in a list."
            ) from None

    def _set_tokens(self, tokens: list[Any]) -> None:
        self._tokens, self.known = tokens, True
        first = len(self._special())
        self._places = {token: first + i for i, token in enumerate(tokens)}

    def _set_weights(self, idf_weights: Any, special_too: bool) -> None:
        if idf_weights is None:
            raise ArgumentError(f"{self._title()}: a vocabulary with output_mode='tf_idf' needs idf_weights.")
        weights = np.asarray(idf_weights, dtype=floatx()).ravel()
        wanted = len(self._tokens) + (len(self._special()) if special_too else 0)
        if len(weights) != wanted:
            raise ArgumentError(
                f"{self._title()}: there must be an idf weight for each of the {wanted} entries. Received: "
                f"{len(weights)}."
            )
        if not special_too:
            mean = weights.mean() if len(weights) else 0.0
            weights = np.concatenate([np.full(len(self._special()), mean, weights.dtype), weights])
        self._weights_of_tokens = weights

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Learns the vocabulary: the most frequent entries of the data.

        Args:
            data: an array or list; or a dataset or generator of batches.
            batch_size: accepted as in Keras, without effect.
            steps: batches to read at most; None for all.
        """
        self._learn(_rows(as_array(batch)) for batch in batches_of(data, steps))

    def _learn(self, batches: Iterable[Sequence[Sequence[Any]]]) -> None:
        """Takes the vocabulary from batches of documents, which are sequences of entries."""
        counts: Counter[Any] = Counter()
        documents: Counter[Any] = Counter()
        number = 0
        for batch in batches:
            for row in batch:
                tokens = [self._token(v) for v in row]
                counts.update(tokens)
                documents.update(set(tokens))
                number += 1
        for token in (self.mask_token, self.oov_token):
            counts.pop(token, None)
        found = sorted(counts, key=lambda token: (counts[token], token), reverse=True)
        most = None if self.max_tokens is None else self.max_tokens - len(self._special())
        self._set_tokens(found[:most])
        if self.output_mode == "tf_idf":
            weights = [math.log(1.0 + number / (1.0 + documents[token])) for token in self._tokens]
            self._set_weights(weights, special_too=False)

    # ---- calls ----

    def call(self, inputs: Any) -> Any:
        """Numbers for entries, or entries for numbers.

        Returns:
            With `"int"`, an int64 tensor of the shape of the inputs; strings as a NumPy array. Else a tensor with an
            axis for the vocabulary: in place of the last one, but for `"one_hot"`, where that is kept unless it is 1.

        Raises:
            ArgumentError: if there is no vocabulary yet, or an entry is unknown and there is no number for such.
        """
        if not self.known:
            raise ArgumentError(f"{self._title()} has no vocabulary. Call `adapt(data)` or `set_vocabulary(entries)`.")
        values = as_array(inputs)
        if self.invert:
            return self._entries(values)
        found = self.numbers(values.ravel().tolist()).reshape(values.shape)
        return ops.convert_to_tensor(found if self.output_mode == "int" else self.encoded(found))

    def numbers(self, values: Sequence[Any]) -> np.ndarray:
        """The numbers of entries, before they are encoded."""
        return np.array([self._place(value) for value in values], np.int64)

    def _place(self, value: Any) -> int:
        token = self._token(value)
        if self._masks and token == self.mask_token:
            return 0
        place = self._places.get(token)
        if place is not None:
            return place
        if self.num_oov_indices == 0:
            raise ArgumentError(
                f"{self._title()}: {token!r} is not in the vocabulary, and num_oov_indices=0 leaves no number for it. "
                "Give num_oov_indices=1."
            )
        return self._masks + (self._bucket(token) if self.num_oov_indices > 1 else 0)

    def _entries(self, numbers: np.ndarray) -> Any:
        names = self.get_vocabulary()
        flat = [names[n] if 0 <= n < len(names) else self.oov_token for n in numbers.ravel().tolist()]
        if all(isinstance(name, str) for name in names):
            return np.array(flat, dtype=str).reshape(numbers.shape)
        return ops.convert_to_tensor(np.array(flat, np.int64).reshape(numbers.shape))

    def encoded(self, numbers: np.ndarray) -> np.ndarray:
        """Numbers as counts for each entry of the vocabulary."""
        depth = self.max_tokens if self.pad_to_max_tokens and self.max_tokens else self.vocabulary_size()
        if numbers.ndim == 0 or (self.output_mode == "one_hot" and numbers.shape[-1] != 1):
            numbers = numbers[..., None]
        result = np.zeros((*numbers.shape[:-1], depth), np.int64)
        rows = result.reshape(-1, depth)
        for row, places in zip(rows, numbers.reshape(len(rows), -1), strict=True):
            np.add.at(row, places, 1)
        if self.output_mode == "tf_idf":
            weights = np.zeros(depth, floatx())
            if self._weights_of_tokens is not None:
                weights[: len(self._weights_of_tokens)] = self._weights_of_tokens
            return result.astype(weights.dtype) * weights
        return result if self.output_mode == "count" else np.minimum(result, 1)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor, with the vocabulary that was learnt."""
        special = len(self._special())
        weights = None if self._weights_of_tokens is None else self._weights_of_tokens[special:].tolist()
        return super().get_config() | {
            "max_tokens": self.max_tokens, "num_oov_indices": self.num_oov_indices, "mask_token": self.mask_token,
            "oov_token": self.oov_token, "vocabulary": list(self._tokens) if self.known else None,
            "idf_weights": weights, "invert": self.invert, "output_mode": self.output_mode,
            "pad_to_max_tokens": self.pad_to_max_tokens,
        }  # fmt: skip


def _rows(array: np.ndarray) -> list[list[Any]]:
    """The documents of a batch: its rows; entries of a plain list are documents of one."""
    if array.ndim == 0:
        return [[array.item()]]
    return array.reshape(len(array), -1).tolist()
