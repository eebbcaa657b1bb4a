"""Networks in Keras 3, and in Lamina, which takes the same lines."""

from __future__ import annotations

from benchmarks.networks.layers import EPSILON, MOMENTUM
from benchmarks.networks.network import Network


class KerasLayers:
    """Answers a definition with the layers of a Keras functional model.

    Attributes:
        weighted: the layers with weights, in the order of definition (a model orders its layers by depth).
    """

    def __init__(self, keras):
        self.layers = keras.layers
        self.weighted: list = []

    def conv(self, x, filters, size, strides=1, padding=0, use_bias=False, activation=None):
        x, mode = self._padded(x, size, strides, padding)
        return self._weighted(
            self.layers.Conv2D(filters, size, strides, mode, use_bias=use_bias, activation=activation), x
        )

    def depthwise(self, x, size, strides=1, padding=0):
        x, mode = self._padded(x, size, strides, padding)
        return self._weighted(self.layers.DepthwiseConv2D(size, strides, mode, use_bias=False), x)

    def conv_transpose(self, x, filters, size):
        return self._weighted(self.layers.Conv2DTranspose(filters, size, strides=size), x)

    def norm(self, x):
        return self._weighted(self.layers.BatchNormalization(momentum=MOMENTUM, epsilon=EPSILON), x)

    def activation(self, x, name):
        return self.layers.Activation(name)(x)

    def max_pool(self, x, size, strides, padding=0):
        # Zeros do for padding: what is pooled with padding here comes out of a ReLU.
        if padding:
            x = self.layers.ZeroPadding2D(padding)(x)
        return self.layers.MaxPooling2D(size, strides)(x)

    def global_average(self, x):
        return self.layers.GlobalAveragePooling2D()(x)

    def flatten(self, x):
        return self.layers.Flatten()(x)

    def dense(self, x, units, activation=None):
        return self._weighted(self.layers.Dense(units, activation=activation), x)

    def add(self, x, y):
        return self.layers.Add()([x, y])

    def concatenate(self, x, y):
        return self.layers.Concatenate()([x, y])

    def _padded(self, x, size, strides, padding):
        """What to convolve, and Keras's name for the padding: with strides, "same" would pad one side only."""
        if not padding:
            return x, "valid"
        if strides == 1 and size == 2 * padding + 1:
            return x, "same"
        return self.layers.ZeroPadding2D(padding)(x), "valid"

    def _weighted(self, layer, x):
        self.weighted.append(layer)
        return layer(x)


def keras_model(keras, network: Network, shape, weights, softmax: bool = False):
    """A functional model with the given weights.

    Args:
        keras: the module, `lamina` or `keras`.
        shape: of an example.
        weights: by layer, in the order of definition.
        softmax: end in a softmax.
    """
    layers = KerasLayers(keras)
    inputs = keras.Input(tuple(shape))
    outputs = network.define(layers, inputs)
    if softmax:
        outputs = keras.layers.Activation("softmax")(outputs)
    model = keras.Model(inputs, outputs)
    for layer, arrays in zip(layers.weighted, weights, strict=True):
        layer.set_weights(arrays)
    return model
