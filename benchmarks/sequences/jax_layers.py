"""Networks over time by hand in JAX: pure functions of the weights, loops by `lax.scan`."""

from __future__ import annotations

import jax
from jax import lax
from jax import numpy as jnp

from benchmarks.sequences.layers import EPSILON


class JaxSequenceLayers:
    """Answers a definition with arrays.

    Args:
        weights: arrays by layer, in the order of definition.
    """

    def __init__(self, weights):
        self._weights = iter(weights)

    def embedding(self, x, count, size):
        (table,) = next(self._weights)
        return table[x]

    def positions(self, x):
        (table,) = next(self._weights)
        return x + table

    def lstm(self, x, units):
        return _lstm(x, *next(self._weights))[-1]

    def both_ways(self, x, units, sequences=False):
        weights = next(self._weights)
        onwards, back = _lstm(x, *weights[:3]), _lstm(x, *weights[3:], reverse=True)
        if sequences:
            return jnp.concatenate((onwards, back), axis=-1).swapaxes(0, 1)
        return jnp.concatenate((onwards[-1], back[0]), axis=-1)

    def gru(self, x, units):
        kernel, recurrent, (bias, inner_bias) = next(self._weights)

        def step(state, given):
            inner = state @ recurrent + inner_bias
            (z, r, h), (inner_z, inner_r, inner_h) = jnp.split(given, 3, -1), jnp.split(inner, 3, -1)
            z, r = jax.nn.sigmoid(z + inner_z), jax.nn.sigmoid(r + inner_r)
            state = z * state + (1 - z) * jnp.tanh(h + r * inner_h)
            return state, state

        given = (x @ kernel + bias).swapaxes(0, 1)
        return lax.scan(step, jnp.zeros((len(x), units)), given)[1].swapaxes(0, 1)

    def attention(self, x, heads, causal):
        query, query_bias, key, key_bias, value, value_bias, back, back_bias = next(self._weights)
        q, k, v = (
            jnp.einsum("btd,dnh->bnth", x, kernel) + bias[:, None]
            for kernel, bias in ((query, query_bias), (key, key_bias), (value, value_bias))
        )
        scores = jnp.einsum("bnth,bnsh->bnts", q, k) * q.shape[-1] ** -0.5
        if causal:
            scores = jnp.where(jnp.tri(x.shape[1], dtype=bool), scores, -jnp.inf)
        return jnp.einsum("bnts,bnsh,nhd->btd", jax.nn.softmax(scores), v, back) + back_bias

    def norm(self, x):
        scale, offset = next(self._weights)
        centred = x - x.mean(-1, keepdims=True)
        return centred * lax.rsqrt(jnp.square(centred).mean(-1, keepdims=True) + EPSILON) * scale + offset

    def dense(self, x, units, activation=None):
        kernel, bias = next(self._weights)
        return activated(x @ kernel + bias, activation)

    def add(self, x, y):
        return x + y


def activated(x, name):
    if name == "gelu":
        return jax.nn.gelu(x, approximate=False)
    return x if name is None else getattr(jax.nn, name)(x)


def _lstm(x, kernel, recurrent, bias, reverse=False):
    """The states of all steps, time first."""

    def step(carry, given):
        state, cell = carry
        i, f, g, o = jnp.split(given + state @ recurrent, 4, -1)
        cell = jax.nn.sigmoid(f) * cell + jax.nn.sigmoid(i) * jnp.tanh(g)
        state = jax.nn.sigmoid(o) * jnp.tanh(cell)
        return (state, cell), state

    zeros = jnp.zeros((len(x), len(recurrent)))
    return lax.scan(step, (zeros, zeros), (x @ kernel + bias).swapaxes(0, 1), reverse=reverse)[1]
