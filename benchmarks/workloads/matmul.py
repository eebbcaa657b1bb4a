"""Matrix products in float32, with operands as stored (NN) and with one of them transposed (NT, TN)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.timing import seconds_per_call
from benchmarks.workload import Case, Goal, Inputs, Prepare, Settings, Task, Workload
from benchmarks.workloads.peak import fma_peak

SIZES = (256, 512, 1024, 2048)


def cases(quick: bool) -> list[Case]:
    if quick:
        return [_case((64, 64, 64), layout, 0.1) for layout in ("NN", "NT", "TN")]
    square = [_case((n, n, n), layout, 0.75 if n == 256 else 0.85) for n in SIZES for layout in ("NN", "NT", "TN")]
    return [*square, _case((127, 129, 131), "NN", 0.65)]


def _case(sizes: tuple[int, int, int], layout: str, share: float) -> Case:
    m, k, n = sizes
    name = f"{m} x {k} x {n} {layout}"
    times = {"numpy": 1.0} if m == n else {}
    return Case(name, {"m": m, "k": k, "n": n, "layout": layout}, Goal(share=share, times=times))


def inputs(settings: Settings) -> dict[str, np.ndarray]:
    """`a` and `b` as stored: the layout's T says which of them the product takes transposed."""
    m, k, n, layout = (settings[name] for name in ("m", "k", "n", "layout"))
    rng = np.random.default_rng(5)
    a, b = rng.standard_normal((m, k), "float32"), rng.standard_normal((k, n), "float32")
    return {
        "a": np.ascontiguousarray(a.T) if layout[0] == "T" else a,
        "b": np.ascontiguousarray(b.T) if layout[1] == "T" else b,
    }


Product = Callable[[], Any]


def product_of(layout: str) -> Callable[[Any, Any], Any]:
    """The product on any arrays that know `@` and `.T`."""
    return {"NN": lambda a, b: a @ b, "NT": lambda a, b: a @ b.T, "TN": lambda a, b: a.T @ b}[layout]


def prepared(build: Callable[[str, np.ndarray, np.ndarray], Product]) -> Prepare:
    def prepare(settings: Settings, data: Inputs) -> Task:
        product = build(settings["layout"], data["a"], data["b"])
        work = 2e-9 * settings["m"] * settings["k"] * settings["n"]
        checksum = float(np.abs(np.asarray(product())).sum(dtype="float64"))
        return Task(lambda: work / seconds_per_call(product, 0.05), checksum)

    return prepare


def lamina(layout: str, a: np.ndarray, b: np.ndarray) -> Product:
    import lamina

    if layout == "NN":
        product = lamina.function(lambda a, b: a @ b)
    elif layout == "NT":
        product = lamina.function(lambda a, b: a @ lamina.ops.transpose(b))
    else:
        product = lamina.function(lambda a, b: lamina.ops.transpose(a) @ b)
    return lambda: product(a, b)


def numpy(layout: str, a: np.ndarray, b: np.ndarray) -> Product:
    product = product_of(layout)
    return lambda: product(a, b)


def torch(layout: str, a: np.ndarray, b: np.ndarray) -> Product:
    import torch

    product = product_of(layout)
    left, right = torch.from_numpy(a), torch.from_numpy(b)
    return lambda: product(left, right)


def jax_jit(layout: str, a: np.ndarray, b: np.ndarray) -> Product:
    import jax

    product = jax.jit(product_of(layout))
    left, right = jax.numpy.asarray(a), jax.numpy.asarray(b)
    return lambda: product(left, right).block_until_ready()


WORKLOAD = Workload(
    name="matmul",
    title="matrix products in float32",
    unit="GFLOP/s",
    cases=cases,
    inputs=inputs,
    peers={
        "lamina": prepared(lamina),
        "peak": fma_peak,
        "numpy": prepared(numpy),
        "torch": prepared(torch),
        "jax-jit": prepared(jax_jit),
    },
    more_is_better=True,
    threads=("one", "all"),
    tolerance=1e-4,
)
