"""Products of half floats: nothing is stored wide that lives longer than the product."""

from __future__ import annotations

import numpy as np
import pytest

import lamina as keras
from lamina import layers
from lamina import primitives as p
from lamina.base import dtypes
from lamina.base.dims import Dim, evaluate
from lamina.compiler import compile_graph
from lamina.debug.subject import subject_of
from lamina.graph import Graph, input_node
from lamina.optimize import optimize
from lamina.schedule.schedule import schedule
from lamina.schedule.target import host_target

BATCH = Dim("batch")
HALVES = ("bfloat16", "float16")


@pytest.fixture(autouse=True)
def same_policy():
    yield
    keras.mixed_precision.set_global_policy("float32")


def network(policy, scaled=False):
    keras.mixed_precision.set_global_policy(policy)
    keras.utils.set_random_seed(1)
    inputs = keras.Input((12, 12, 2))
    x = inputs
    for strides in (1, 2, 1):
        x = layers.Conv2D(16, 3, strides=strides, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.Add()([x, layers.Conv2D(16, 1, activation="gelu")(x)])
    outputs = layers.Dense(4, dtype="float32")(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, outputs)
    optimizer = keras.optimizers.SGD(0.1)
    optimizer = keras.optimizers.LossScaleOptimizer(optimizer) if scaled else optimizer
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def pictures(policy, rng, rows=8, scaled=False):
    """Bytes and phases of the buffers of a training step that hold pictures of the whole batch."""
    model = network(policy, scaled)
    x, y = rng.normal(size=(rows, 12, 12, 2)).astype("float32"), np.arange(rows) % 4
    plan = next(s for s in subject_of("memory", model, (x, y), rows).compilation.stages if s.name == "body").schedule
    found = [life for life in plan.lifetimes() if life.buffer.shape[:1] == (BATCH,) and len(life.buffer.shape) == 4]
    return [(evaluate(life.buffer.size(), {"batch": rows}), life.first, life.last, life.buffer.dtype) for life in found]


def most_alive(lives):
    return max(sum(size for size, first, last, _ in lives if first <= n <= last) for n in range(lives[-1][2]))


@pytest.mark.parametrize("half", HALVES)
def test_activations_take_half_the_memory(half, rng):
    # Where the loss is scaled, no weight is changed before all gradients are known to be finite, and those wait.
    narrow, wide = pictures(f"mixed_{half}", rng), pictures("float32", rng, scaled=half == "float16")
    # Some of what is computed in float32 is wanted again soon, by the same layer's gradient.
    assert all(last - first <= 6 for _, first, last, dtype in narrow if dtype == "float32")
    kept = [life for life in narrow if life[3] == half]
    assert most_alive(kept) <= 0.55 * most_alive([life for life in wide if life[3] == "float32"])


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_losses_are_those_of_float32(policy, rng):
    x, y = rng.normal(size=(16, 12, 12, 2)).astype("float32"), np.arange(16) % 4
    losses = [
        network(name).fit(x, y, batch_size=8, epochs=4, shuffle=False, verbose=0).history["loss"]
        for name in ("float32", policy)
    ]
    np.testing.assert_allclose(losses[1], losses[0], rtol=0.03)


def wide(x):
    """The same numbers as float32."""
    return np.asarray(x).astype("float32")


CASES = {
    "matrices": ([(BATCH, 40), (40, 48)], lambda x, w: p.contract(x, w, ("ab", "bc", "ac"))),
    "long sums": ([(BATCH, 1500), (1500, 72)], lambda x, w: p.contract(x, w, ("ab", "bc", "ac"))),
    "rows of columns": ([(40, BATCH), (40, 48)], lambda x, w: p.contract(x, w, ("ba", "bc", "ac"))),
    "transposed weight": ([(BATCH, 40), (48, 40)], lambda x, w: p.contract(x, w, ("ab", "cb", "ac"))),
    "each row of a batch": ([(BATCH, 20, 24), (BATCH, 24, 20)], lambda x, y: p.contract(x, y, ("xab", "xbc", "xac"))),
    "gradient of a large weight": (
        [(BATCH, 300, 520), (BATCH, 300, 512)],
        lambda x, g: p.contract(x, g, ("xab", "xac", "bc")),
    ),
    "gradient of a weight": ([(BATCH, 40), (BATCH, 48)], lambda x, g: p.contract(x, g, ("ab", "ac", "bc"))),
    "part of a matrix": (
        [(BATCH, 3, 40), (40, 16)],
        lambda x, w: p.contract(p.slice(x, (0, 1, 0), (BATCH, 2, 40)), w, ("axb", "bc", "axc")),
    ),
    "convolution": (
        [(BATCH, 9, 9, 5), (3, 3, 5, 16)],
        lambda x, w: p.convolution(x, w, (2, 2), ((1, 1), (1, 1)), (1, 1)),
    ),
    "convolution of few multiplications": (
        [(BATCH, 12, 12, 32), (3, 3, 32, 32)],
        lambda x, w: p.convolution(x, w, (1, 1), ((1, 1), (1, 1)), (1, 1)),
    ),
    "depthwise": (
        [(BATCH, 9, 9, 16), (3, 3, 1, 16)],
        lambda x, w: p.convolution(x, w, (1, 1), ((1, 1), (1, 1)), (1, 1), 16),
    ),
    "kernel gradient": (
        [(BATCH, 9, 9, 16), (BATCH, 9, 9, 16)],
        lambda x, g: p.convolution_kernel_gradient(x, g, (3, 3, 16, 16), (1, 1), ((1, 1), (1, 1)), (1, 1)),
    ),
}


@pytest.mark.parametrize("rounded", [False, True])
@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("name", CASES)
def test_products_are_those_of_wide_copies(name, half, rounded, rng):
    shapes, build = CASES[name]
    given = [rng.normal(size=[8 if d is BATCH else d for d in shape]).astype("float32") for shape in shapes]
    narrow = [a.astype(dtypes.to_numpy(half)) for a in given]

    def program(dtype, rounds):
        nodes = [input_node(shape, dtype) for shape in shapes]
        return compile_graph(Graph(tuple(nodes), (build(*(p.cast(n, half) if rounds else n for n in nodes)),)))

    result = program("float32" if rounded else half, rounded)(given if rounded else narrow)[0]
    (wanted,) = program("float32", False)([wide(a) for a in narrow])
    error = np.abs(wide(result) - wanted).max() / np.abs(wanted).max()
    assert result.dtype == dtypes.to_numpy(half) and error < (1e-2 if half == "bfloat16" else 2e-3)


def test_rounded_weights_take_no_memory():
    x, w = input_node((BATCH, 64), "bfloat16"), input_node((64, 32), "float32")
    graph = optimize(Graph((x, w), (p.contract(x, p.cast(w, "bfloat16"), ("ab", "bc", "ac")),)))
    plan = schedule(graph, host_target())
    assert {life.buffer.dtype for life in plan.lifetimes()} <= {"float32"}
    assert all(life.last - life.first <= 1 for life in plan.lifetimes())
