"""A decoder in Lamina that keeps the keys and values of what it has seen; all of its tokens by one native program."""

from __future__ import annotations

import lamina
from benchmarks.sequences.keras_layers import KerasSequenceLayers, keras_sequence
from benchmarks.sequences.sequence import Sequence, Sizes
from lamina import ops
from lamina.generation import GreedySampler, Task


class _DecoderLayers(KerasSequenceLayers):
    """Makes attention that takes a cache."""

    def attention(self, x, heads, causal):
        layer = self.layers.CachedMultiHeadAttention(heads, x.shape[-1] // heads)
        self.weighted.append(layer)
        return layer(x, x)


class _CachedCalls:
    """Answers a definition by calling the layers for tokens that begin at a position, after those in the cache.

    Attributes:
        moved: the caches afterwards.
    """

    def __init__(self, weighted, caches, position):
        self._layers, self._caches, self._position = iter(weighted), iter(caches), position
        self.moved: list = []

    def embedding(self, x, count, size):
        return next(self._layers)(x)

    def positions(self, x):
        return x + ops.take(next(self._layers).table, self._places(x), axis=0)

    def attention(self, x, heads, causal):
        y, cache = next(self._layers)(
            x, x, cache=next(self._caches), cache_update_index=self._position, use_causal_mask=True
        )
        self.moved.append(cache)
        return y

    def norm(self, x):
        return next(self._layers)(x)

    def dense(self, x, units, activation=None):
        return next(self._layers)(x)

    def add(self, x, y):
        return x + y

    def _places(self, x):
        return self._position + ops.arange(x.shape[1], dtype="int32")


def lamina_generate(sequence: Sequence, sizes: Sizes, weights, count: int):
    """A compiled function: prompt `(1, length)` -> `count` tokens after it, each the likeliest."""
    layers = _DecoderLayers(lamina)
    keras_sequence(lamina, sequence, sizes, weights, layers)

    def following(tokens, caches, position):
        calls = _CachedCalls(layers.weighted, caches, position)
        logits = sequence.define(calls, tokens, sizes)
        return logits[:, -1], calls.moved

    def next_token(token, caches, index):
        return following(ops.expand_dims(token, 1), caches, index)

    @lamina.function
    def generate(prompt):
        length = prompt.shape[1]
        shape = (1, sizes["heads"], length + count, sizes["size"] // sizes["heads"])
        caches = [(ops.zeros(shape), ops.zeros(shape)) for _ in range(sizes["layers"])]
        _, caches = following(prompt[:, :-1], caches, 0)
        return _continued(next_token, prompt, caches, count)[:, length:]

    return generate


def _continued(next_token, prompt, caches, count: int):
    length = prompt.shape[1]
    tokens = ops.pad(prompt, ((0, 0), (0, count)))
    return GreedySampler().run(Task(next_token, tokens, ops.full((1,), length, dtype="int32"), length - 1, caches))
