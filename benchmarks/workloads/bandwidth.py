"""Work that memory limits: elementwise operations, softmax and layer norm, forward and with their gradients.

Samples are bytes of inputs and outputs, each counted once, per second: a program that reads everything once and
writes everything once reaches the bandwidth of a copy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.timing import seconds_per_call
from benchmarks.workload import Case, Goal, Inputs, Prepare, Settings, Task, Workload
from benchmarks.workloads.peak import copy_peak

EPSILON = 1e-3
Work = Callable[[], Sequence[Any]]


def cases(quick: bool) -> list[Case]:
    size, shape = (1000, (8, 16)) if quick else (16 * 2**20, (4096, 1024))
    goal = Goal(share=0.8, times={"torch": 2.0})
    rows = [
        Case(f"{name} {shape[0]}x{shape[1]}", {"work": work, "shape": shape}, goal)
        for name, work in (
            ("softmax", "softmax"),
            ("softmax forward and backward", "softmax_gradient"),
            ("layer norm", "layer_norm"),
            ("layer norm forward and backward", "layer_norm_gradient"),
        )
    ]
    return [Case(f"ten elementwise operations on {size:,} floats", {"work": "ten", "shape": (size,)}, goal), *rows]


def inputs(settings: Settings) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(11)
    shape = tuple(settings["shape"])
    arrays = {"x": rng.standard_normal(shape, "float32")}
    if settings["work"].startswith("layer_norm"):
        arrays |= {name: rng.uniform(0.5, 1.5, shape[-1]).astype("float32") for name in ("gamma", "beta")}
    if settings["work"] == "ten" or settings["work"].endswith("gradient"):
        arrays["g"] = rng.standard_normal(shape, "float32")
    return arrays


def ten(x: Any, y: Any, maximum: Callable[[Any, Any], Any], minimum: Callable[[Any, Any], Any]) -> Any:
    """Ten operations on two arrays, in any framework; none dearer than a multiplication."""
    a = maximum(x * y + x, y * 0.5)
    b = minimum(a - y, 3.0) * x
    return (b + 1.0) * -0.25


def prepared(build: Callable[[str, Inputs], Work]) -> Prepare:
    def prepare(settings: Settings, data: Inputs) -> Task:
        work = build(settings["work"], data)
        results = [np.asarray(result) for result in work()]
        gigabytes = 1e-9 * (sum(a.nbytes for a in data.values()) + sum(r.nbytes for r in results))
        checksum = sum(float(np.abs(r).sum(dtype="float64")) for r in results)
        return Task(lambda: gigabytes / seconds_per_call(work), checksum)

    return prepare


def _numpy_ten(x: np.ndarray, g: np.ndarray) -> list[np.ndarray]:
    return [ten(x, g, np.maximum, np.minimum)]


def _numpy_softmax(x: np.ndarray) -> list[np.ndarray]:
    exponentials = np.exp(x - x.max(axis=-1, keepdims=True))
    return [exponentials / exponentials.sum(axis=-1, keepdims=True)]


def _numpy_softmax_gradient(x: np.ndarray, g: np.ndarray) -> list[np.ndarray]:
    (y,) = _numpy_softmax(x)
    return [y, y * (g - (g * y).sum(axis=-1, keepdims=True))]


def _normalized(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    centred = x - x.mean(axis=-1, keepdims=True)
    scale = 1 / np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + np.float32(EPSILON))
    return centred * scale, scale


def _numpy_layer_norm(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray) -> list[np.ndarray]:
    return [_normalized(x)[0] * gamma + beta]


def _numpy_layer_norm_gradient(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, g: np.ndarray) -> list[np.ndarray]:
    unit, scale = _normalized(x)
    back = g * gamma
    inner = back - back.mean(axis=-1, keepdims=True) - unit * (back * unit).mean(axis=-1, keepdims=True)
    return [unit * gamma + beta, scale * inner, (g * unit).sum(axis=0), g.sum(axis=0)]


def numpy(work: str, data: Inputs) -> Work:
    function = globals()[f"_numpy_{work}"]
    return lambda: function(**data)


def lamina(work: str, data: Inputs) -> Work:
    import lamina

    compiled = lamina.function(_lamina_functions()[work])
    arguments = list(data.values())
    return lambda: compiled(*arguments)


def _lamina_functions() -> dict[str, Callable[..., Any]]:
    import lamina
    from lamina import ops

    def softmax(x):
        return [ops.softmax(x, axis=-1)]

    def layer_norm(x, gamma, beta):
        mean, variance = ops.moments(x, axes=-1, keepdims=True)
        return [(x - mean) * ops.rsqrt(variance + EPSILON) * gamma + beta]

    def gradient(forward):
        def both(*arguments):
            *operands, g = arguments
            with lamina.GradientTape() as tape:
                for operand in operands:
                    tape.watch(operand)
                (y,) = forward(*operands)
            return [y, *tape.gradient(y, operands, output_gradients=g)]

        return both

    return {
        "ten": lambda x, y: [ten(x, y, ops.maximum, ops.minimum)],
        "softmax": softmax,
        "softmax_gradient": gradient(softmax),
        "layer_norm": layer_norm,
        "layer_norm_gradient": gradient(layer_norm),
    }


def torch_eager(work: str, data: Inputs) -> Work:
    return _torch(work, data, compiled=False)


def torch_compile(work: str, data: Inputs) -> Work:
    return _torch(work, data, compiled=True)


def _torch(work: str, data: Inputs, compiled: bool) -> Work:
    import torch

    functions = torch.nn.functional

    def softmax(x):
        return functions.softmax(x, dim=-1)

    def layer_norm(x, gamma, beta):
        return functions.layer_norm(x, x.shape[-1:], gamma, beta, EPSILON)

    def ten_operations(x, y):
        return ten(x, y, torch.maximum, lambda a, bound: torch.clamp(a, max=bound))

    tensors = [torch.from_numpy(array) for array in data.values()]
    name = work.removesuffix("_gradient")
    forward = {"ten": ten_operations, "softmax": softmax, "layer_norm": layer_norm}[name]
    if compiled:
        forward = torch.compile(forward)
    if name == work:
        return lambda: [forward(*tensors)]
    *operands, g = tensors
    for operand in operands:
        operand.requires_grad_()

    def both():
        y = forward(*operands)
        return [y.detach(), *torch.autograd.grad(y, operands, g)]

    return both


def jax_jit(work: str, data: Inputs) -> Work:
    import jax
    from jax import numpy as jnp

    def layer_norm(x, gamma, beta):
        mean, variance = x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True)
        return (x - mean) * jax.lax.rsqrt(variance + EPSILON) * gamma + beta

    name = work.removesuffix("_gradient")
    forward = {
        "ten": lambda x, y: ten(x, y, jnp.maximum, jnp.minimum),
        "softmax": jax.nn.softmax,
        "layer_norm": layer_norm,
    }[name]

    def both(*arguments):
        y, back = jax.vjp(forward, *arguments[:-1])
        return [y, *back(arguments[-1])]

    compiled = jax.jit(both if name != work else lambda *arguments: [forward(*arguments)])
    arrays = [jnp.asarray(array) for array in data.values()]
    return lambda: jax.block_until_ready(compiled(*arrays))


WORKLOAD = Workload(
    name="bandwidth",
    title="work limited by memory: bytes of inputs and outputs, each once, per second",
    unit="GB/s",
    cases=cases,
    inputs=inputs,
    peers={
        "lamina": prepared(lamina),
        "peak": copy_peak,
        "numpy": prepared(numpy),
        "torch": prepared(torch_eager),
        "torch-compile": prepared(torch_compile),
        "jax-jit": prepared(jax_jit),
    },
    more_is_better=True,
    threads=("one", "all"),
    tolerance=1e-3,
)
