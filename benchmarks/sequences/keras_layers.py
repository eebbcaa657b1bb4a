"""Networks over time in Keras 3, and in Lamina, which takes the same lines."""

from __future__ import annotations

from benchmarks.sequences.layers import EPSILON
from benchmarks.sequences.sequence import Sequence, Sizes, input_shape


class KerasSequenceLayers:
    """Answers a definition with the layers of a Keras functional model.

    Attributes:
        weighted: the layers with weights, in the order of definition.
    """

    def __init__(self, keras):
        self.layers = keras.layers
        self.weighted: list = []

    def embedding(self, x, count, size):
        return self._weighted(self.layers.Embedding(count, size), x)

    def positions(self, x):
        return self._weighted(_positions(self.layers), x)

    def lstm(self, x, units):
        return self._weighted(self.layers.LSTM(units), x)

    def both_ways(self, x, units, sequences=False):
        return self._weighted(self.layers.Bidirectional(self.layers.LSTM(units, return_sequences=sequences)), x)

    def gru(self, x, units):
        return self._weighted(self.layers.GRU(units, return_sequences=True), x)

    def attention(self, x, heads, causal):
        layer = self.layers.MultiHeadAttention(heads, x.shape[-1] // heads)
        self.weighted.append(layer)
        return layer(x, x, use_causal_mask=causal)

    def norm(self, x):
        return self._weighted(self.layers.LayerNormalization(epsilon=EPSILON), x)

    def dense(self, x, units, activation=None):
        return self._weighted(self.layers.Dense(units, activation=activation), x)

    def add(self, x, y):
        return self.layers.Add()([x, y])

    def _weighted(self, layer, x):
        self.weighted.append(layer)
        return layer(x)


def _positions(layers):
    """A layer that adds a learnt vector for each step: Keras has none."""

    class Positions(layers.Layer):
        def build(self, input_shape):
            self.table = self.add_weight(name="table", shape=tuple(input_shape[1:]))

        def call(self, inputs):
            return inputs + self.table

    return Positions()


def keras_sequence(keras, sequence: Sequence, sizes: Sizes, weights, layers=None):
    """A functional model with the given weights.

    Args:
        keras: the module, `lamina` or `keras`.
        weights: by layer, in the order of definition.
        layers: what answers the definition; `KerasSequenceLayers` by default.
    """
    layers = layers or KerasSequenceLayers(keras)
    inputs = keras.Input(input_shape(sizes), dtype="float32" if "features" in sizes else "int32")
    model = keras.Model(inputs, sequence.define(layers, inputs, sizes))
    for layer, arrays in zip(layers.weighted, weights, strict=True):
        layer.set_weights(arrays)
    return model
