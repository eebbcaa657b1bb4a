"""Single 3x3 convolutions, padded to keep their size: forward, and both gradients alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.timing import seconds_per_call
from benchmarks.workload import Case, Goal, Inputs, Prepare, Settings, Task, Workload
from benchmarks.workloads.peak import fma_peak

BATCH, SIZE = 8, 3
SHAPES = ((64, 64, 56), (256, 256, 14), (3, 64, 32))
Work = Callable[[], Sequence[Any]]


def cases(quick: bool) -> list[Case]:
    shapes = ((3, 8, 6), (16, 16, 5)) if quick else SHAPES
    return [case for shape in shapes for case in (_case(shape, False), _case(shape, True))]


def _case(shape: tuple[int, int, int], gradients: bool) -> Case:
    channels, filters, side = shape
    name = f"{channels} to {filters} at {side}x{side}, {'both gradients' if gradients else 'forward'}"
    settings = {"channels": channels, "filters": filters, "side": side, "gradients": gradients}
    return Case(name, settings, Goal(share=0.85, times={"fastest": 1.25 if gradients else 1.0}))


def inputs(settings: Settings) -> dict[str, np.ndarray]:
    """Channels last; the kernel as rows, columns, input and output channels; `g` is the gradient of the result."""
    channels, filters, side = settings["channels"], settings["filters"], settings["side"]
    rng = np.random.default_rng(13)
    kernel = rng.standard_normal((SIZE, SIZE, channels, filters), "float32") / np.float32(SIZE * channels**0.5)
    arrays = {"x": rng.standard_normal((BATCH, side, side, channels), "float32"), "kernel": kernel}
    if settings["gradients"]:
        arrays["g"] = rng.standard_normal((BATCH, side, side, filters), "float32")
    return arrays


def operations(settings: Settings) -> float:
    """Of direct convolution, which the two gradients cost each: a multiply-add is two, padding counts as data."""
    once = 2 * BATCH * settings["side"] ** 2 * SIZE**2 * settings["channels"] * settings["filters"]
    return float(once * (2 if settings["gradients"] else 1))


def prepared(build: Callable[..., Work]) -> Prepare:
    def prepare(settings: Settings, data: Inputs) -> Task:
        work = build(**data)
        checksum = sum(float(np.abs(np.asarray(result)).sum(dtype="float64")) for result in work())
        return Task(lambda: 1e-9 * operations(settings) / seconds_per_call(work), checksum)

    return prepare


def lamina(x: np.ndarray, kernel: np.ndarray, g: np.ndarray | None = None) -> Work:
    import lamina

    def forward(x, kernel):
        return lamina.ops.conv(x, kernel, strides=1, padding="same")

    def gradients(x, kernel, g):
        with lamina.GradientTape() as tape:
            tape.watch(x)
            tape.watch(kernel)
            y = forward(x, kernel)
        return tape.gradient(y, [x, kernel], output_gradients=g)

    if g is None:
        compiled = lamina.function(forward)
        return lambda: [compiled(x, kernel)]
    both = lamina.function(gradients)
    return lambda: both(x, kernel, g)


def numpy(x: np.ndarray, kernel: np.ndarray, g: np.ndarray | None = None) -> Work:
    """By the definition, a product of matrices for each of the nine taps."""
    side = x.shape[1]
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    taps = [(i, j) for i in range(SIZE) for j in range(SIZE)]

    def forward() -> list[np.ndarray]:
        return [sum(padded[:, i : i + side, j : j + side] @ kernel[i, j] for i, j in taps)]  # type: ignore[list-item]

    def gradients() -> list[np.ndarray]:
        of_padded, of_kernel = np.zeros_like(padded), np.zeros_like(kernel)
        for i, j in taps:
            rows, columns = slice(i, i + side), slice(j, j + side)
            of_padded[:, rows, columns] += g @ kernel[i, j].T
            of_kernel[i, j] = np.tensordot(padded[:, rows, columns], g, axes=((0, 1, 2), (0, 1, 2)))
        return [of_padded[:, 1:-1, 1:-1], of_kernel]

    return forward if g is None else gradients


def torch(x: np.ndarray, kernel: np.ndarray, g: np.ndarray | None = None) -> Work:
    """PyTorch calls oneDNN for these."""
    import torch

    from benchmarks.networks.torch_layers import to_torch

    pictures = to_torch(x)
    filters = torch.from_numpy(kernel).permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)
    if g is None:
        return lambda: [torch.nn.functional.conv2d(pictures, filters, padding=1)]
    back, around = to_torch(g), ([1, 1], [1, 1], [1, 1])
    backward = torch.ops.aten.convolution_backward

    def both():
        return backward(back, pictures, filters, None, *around, False, [0, 0], 1, [True, True, False])[:2]

    return both


def tensorflow(x: np.ndarray, kernel: np.ndarray, g: np.ndarray | None = None) -> Work:
    """TensorFlow's own operations in a graph, which call another version of oneDNN."""
    import tensorflow as tf

    pictures, filters = tf.constant(x), tf.constant(kernel)
    kind = {"strides": [1, 1, 1, 1], "padding": "SAME"}
    if g is None:
        run = tf.function(lambda x, kernel: [tf.nn.conv2d(x, kernel, **kind)])
        return lambda: run(pictures, filters)
    back = tf.constant(g)

    @tf.function
    def both(x, kernel, g):
        return [
            tf.raw_ops.Conv2DBackpropInput(input_sizes=x.shape, filter=kernel, out_backprop=g, **kind),
            tf.raw_ops.Conv2DBackpropFilter(input=x, filter_sizes=kernel.shape, out_backprop=g, **kind),
        ]

    return lambda: both(pictures, filters, back)


def jax_jit(x: np.ndarray, kernel: np.ndarray, g: np.ndarray | None = None) -> Work:
    import jax

    def forward(x, kernel):
        names = ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=names)

    run = jax.jit(forward if g is None else lambda x, kernel, g: jax.vjp(forward, x, kernel)[1](g))
    operands = [jax.numpy.asarray(array) for array in ((x, kernel) if g is None else (x, kernel, g))]
    if g is None:
        return lambda: [jax.block_until_ready(run(*operands))]
    return lambda: jax.block_until_ready(run(*operands))


WORKLOAD = Workload(
    name="convolution",
    title="3x3 convolutions, batch 8",
    unit="GFLOP/s",
    cases=cases,
    inputs=inputs,
    peers={
        "lamina": prepared(lamina),
        "peak": fma_peak,
        "numpy": prepared(numpy),
        "torch": prepared(torch),
        "tensorflow": prepared(tensorflow),
        "jax-jit": prepared(jax_jit),
    },
    more_is_better=True,
    threads=("one", "all"),
    tolerance=1e-4,
)
