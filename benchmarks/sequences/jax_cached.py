"""A decoder in JAX that keeps the keys and values of what it has seen; all of its tokens in one compiled call."""

from __future__ import annotations

import jax
from jax import lax
from jax import numpy as jnp

from benchmarks.sequences.jax_layers import JaxSequenceLayers
from benchmarks.sequences.sequence import Sequence, Sizes


class _CachedLayers(JaxSequenceLayers):
    """Answers a definition for tokens that begin at a position, after those in the cache.

    Attributes:
        moved: the caches afterwards.
    """

    def __init__(self, weights, caches, position):
        super().__init__(weights)
        self._caches, self._position = iter(caches), position
        self.moved: list = []

    def positions(self, x):
        (table,) = next(self._weights)
        return x + lax.dynamic_slice_in_dim(table, self._position, x.shape[1])

    def attention(self, x, heads, causal):
        query, query_bias, key, key_bias, value, value_bias, back, back_bias = next(self._weights)
        q, k, v = (
            jnp.einsum("btd,dnh->bnth", x, kernel) + bias[:, None]
            for kernel, bias in ((query, query_bias), (key, key_bias), (value, value_bias))
        )
        keys, values = (
            lax.dynamic_update_slice_in_dim(cache, new, self._position, 2)
            for cache, new in zip(next(self._caches), (k, v))
        )
        self.moved.append((keys, values))
        own = self._position + jnp.arange(x.shape[1])
        scores = jnp.einsum("bnth,bnsh->bnts", q, keys) * q.shape[-1] ** -0.5
        scores = jnp.where(jnp.arange(keys.shape[2]) <= own[:, None], scores, -jnp.inf)
        return jnp.einsum("bnts,bnsh,nhd->btd", jax.nn.softmax(scores), values, back) + back_bias


def jax_generate(sequence: Sequence, sizes: Sizes, weights, count: int):
    """A compiled function: prompt `(1, length)` -> `count` tokens after it, each the likeliest."""
    weights = [[jnp.asarray(array) for array in layer] for layer in weights]

    def following(weights, caches, tokens, position):
        layers = _CachedLayers(weights, caches, position)
        logits = sequence.define(layers, tokens, sizes)
        return layers.moved, logits[:, -1:].argmax(-1).astype("int32")

    @jax.jit
    def generate(weights, prompt):
        length = prompt.shape[1]
        zeros = jnp.zeros((1, sizes["heads"], length + count, sizes["size"] // sizes["heads"]))
        caches, token = following(weights, [(zeros, zeros)] * sizes["layers"], prompt, 0)

        def step(carry, position):
            caches, token = following(weights, *carry, position)
            return (caches, token), token

        positions = length + jnp.arange(count - 1)
        _, later = lax.scan(step, (caches, token), positions)
        return jnp.concatenate((token[:, 0], later[:, 0, 0]))

    return lambda prompt: generate(weights, prompt)
