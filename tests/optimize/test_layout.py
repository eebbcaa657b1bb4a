"""Networks with channels first: pictures are turned where they come in and go out, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

import lamina as keras
from lamina import layers
from lamina import primitives as p
from lamina.base.dims import Dim
from lamina.debug.subject import subject_of
from lamina.graph import Graph, input_node, interpret
from lamina.optimize import optimize
from lamina.optimize.layout import turn_pictures_once

BATCH = Dim("batch")


@pytest.fixture(autouse=True)
def same_layout():
    given = keras.config.image_data_format()
    yield
    keras.config.set_image_data_format(given)


def residual(x, axis, pool):
    def normal(t):
        return layers.BatchNormalization(axis=axis)(t)

    x = layers.Conv2D(6, 3)(layers.ZeroPadding2D(1)(x))
    y = layers.Activation("relu")(normal(layers.Conv2D(6, 3, padding="same", use_bias=False)(x)))
    x = layers.Activation("relu")(layers.Add()([x, normal(layers.Conv2D(6, 3, padding="same")(y))]))
    x = pool(2)(layers.Dropout(0.0)(x))
    return layers.Concatenate(axis=axis)([x, layers.Conv2D(3, 1, activation="gelu")(x)])


def classifier(x, axis):
    x = residual(x, axis, layers.MaxPooling2D)
    return layers.Dense(4)(layers.GlobalAveragePooling2D()(x))


def flattened(x, axis):
    x = layers.DepthwiseConv2D(3, strides=2)(residual(x, axis, layers.AveragePooling2D))
    return layers.Dense(4)(layers.Flatten()(x))


def excited(x, axis):
    x = layers.Conv2D(6, 3, activation="swish")(x)
    gate = layers.Conv2D(6, 1, activation="sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    x = layers.Cropping2D(1)(layers.Multiply()([x, gate]))
    return layers.Dense(4)(layers.GlobalMaxPooling2D()(x))


def hourglass(x, axis):
    y = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    z = layers.Conv2D(6, 3, padding="same", activation="relu")(layers.MaxPooling2D()(y))
    z = layers.Concatenate(axis=axis)([y, layers.UpSampling2D()(z), layers.Conv2DTranspose(4, 2, strides=2)(z)])
    return layers.Dense(4)(layers.Flatten()(layers.Conv2D(2, 1)(z)))


def network(build, data_format):
    keras.utils.set_random_seed(3)
    keras.config.set_image_data_format(data_format)
    first = data_format == "channels_first"
    inputs = keras.Input((3, 8, 8) if first else (8, 8, 3))
    model = keras.Model(inputs, build(inputs, 1 if first else -1))
    model.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def turns(graph):
    """Of pictures, channels from the second axis to the last one or back."""
    return [n for n in graph.nodes() if n.primitive is p.TRANSPOSE and n.attrs["axes"] in ((0, 2, 3, 1), (0, 3, 1, 2))]


def given(rng):
    x = rng.normal(size=(6, 8, 8, 3)).astype("float32")
    return x, np.ascontiguousarray(np.moveaxis(x, -1, 1)), np.arange(6) % 4


@pytest.mark.parametrize("build", [classifier, flattened, excited, hourglass])
def test_a_training_step_turns_its_input_alone(build, rng):
    last, first, y = given(rng)
    results = []
    for data_format, x in (("channels_last", last), ("channels_first", first)):
        model = network(build, data_format)
        step = subject_of("optimized", model, (x, y)).compilation.graphs["body"]
        found = turns(step)
        assert len(found) == (data_format == "channels_first")
        assert all(n.shape == (BATCH, 8, 8, 3) for n in found)
        history = model.fit(x, y, batch_size=3, epochs=2, shuffle=False, verbose=0)
        results.append((history.history["loss"], model.predict(x, verbose=0)))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-5)
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-4, atol=1e-5)


def test_pictures_that_are_wanted_are_turned_back(rng, executor):
    def build(x, axis):
        return layers.Conv2D(3, 3, padding="same", activation="tanh")(layers.Conv2D(4, 3, padding="same")(x))

    last, first, _ = given(rng)
    wanted = network(build, "channels_last").predict(last, verbose=0)
    result = network(build, "channels_first").predict(first, verbose=0)
    np.testing.assert_allclose(np.moveaxis(result, 1, -1), wanted, rtol=1e-5, atol=1e-6)


def window_sum(x):
    rank = x.rank
    turned = p.transpose(x, (0, *range(2, rank), 1))
    ones = (1,) * (rank - 2)
    found = p.convolution(turned, p.full((*ones, 3, 3), 0.5, "float32"), ones, ((0, 0),) * (rank - 2), ones)
    return p.transpose(found, (0, rank - 1, *range(1, rank - 1)))


@pytest.mark.parametrize("space", [(5,), (4, 5), (2, 4, 5)])
@pytest.mark.parametrize("follow", ["pad", "slice", "reverse", "concatenate", "sum", "mixed"])
def test_what_may_follow(space, follow, rng):
    x = input_node((2, 3, *space), "float32")
    y, rank = window_sum(x), 2 + len(space)
    low, none = (1, 2, *range(len(space))), (0,) * rank
    node = {
        "pad": lambda: p.pad(y, low, none, 2.0),
        "slice": lambda: p.slice(y, (0, 1, *none[2:]), y.shape, (1, 2, *[1] * len(space))),
        "reverse": lambda: p.reverse(y, (1, rank - 1)),
        "concatenate": lambda: p.concatenate(y, x, p.exp(y), axis=1),
        "sum": lambda: p.reduce_sum(y, (0, 2)),
        "mixed": lambda: p.multiply(p.broadcast(p.reshape(p.reduce_max(y, (0,)), (1, *y.shape[1:])), y.shape), x),
    }[follow]()
    graph = Graph((x,), (window_sum(node) if follow in ("reverse", "mixed") else node,))
    array = rng.normal(size=x.shape).astype("float32")
    for better in (turn_pictures_once(graph), optimize(graph)):
        assert better.outputs[0].shape == graph.outputs[0].shape
        for one, other in zip(interpret(better, [array]), interpret(graph, [array])):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_other_graphs_are_left_alone():
    x = input_node((2, 3, 4, 5), "float32")
    graph = Graph((x,), (p.exp(p.transpose(x, (0, 3, 1, 2))),))
    assert turn_pictures_once(graph) is graph
