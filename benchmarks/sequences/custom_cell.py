"""An LSTM's cell as a user writes it, with `ops` inside a layer: for Keras 3 and for Lamina."""

from __future__ import annotations

from benchmarks.sequences.keras_layers import KerasSequenceLayers


class CustomCellLayers(KerasSequenceLayers):
    """Answers a definition with `RNN` over a cell by hand where it asks for an LSTM."""

    def __init__(self, keras):
        super().__init__(keras)
        self._keras = keras

    def lstm(self, x, units):
        return self._weighted(self.layers.RNN(_cell(self._keras, units)), x)


def _cell(keras, units: int):
    ops = keras.ops

    class Cell(keras.layers.Layer):
        """Gates in the order of Keras: input, forget, candidate, output."""

        state_size = [units, units]
        output_size = units

        def build(self, input_shape):
            self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], 4 * units))
            self.recurrent = self.add_weight(name="recurrent", shape=(units, 4 * units))
            self.bias = self.add_weight(name="bias", shape=(4 * units,))

        def call(self, inputs, states):
            state, memory = states
            sums = ops.matmul(inputs, self.kernel) + ops.matmul(state, self.recurrent) + self.bias
            i, f, g, o = ops.split(sums, 4, axis=-1)
            memory = ops.sigmoid(f) * memory + ops.sigmoid(i) * ops.tanh(g)
            state = ops.sigmoid(o) * ops.tanh(memory)
            return state, [state, memory]

    return Cell()
