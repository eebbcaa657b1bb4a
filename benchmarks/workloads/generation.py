"""Greedy generation by the GPT of `gpt`: one sequence, a token at a time, with a cache of keys and values.

The row `peak` is what memory allows: every token needs all the weights once, and they are read at the bandwidth of a
copy. A cache that holds part of the weights allows more.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.networks.plan import Weights, from_arrays, to_arrays
from benchmarks.sequences import SEQUENCES
from benchmarks.sequences.plan import SequencePlan, initial_weights
from benchmarks.sequences.sequence import Sizes
from benchmarks.timing import seconds_of
from benchmarks.workload import Case, Goal, Inputs, Prepare, Settings, Task, Workload
from benchmarks.workloads.peak import copy_peak
from benchmarks.workloads.sequence_trainers import sequence_settings

GPT = SEQUENCES["gpt"]
Generate = Callable[[], np.ndarray]


def cases(quick: bool) -> list[Case]:
    prompt, tokens = (2, 4) if quick else (16, 128)
    # Small heads have 8 features: ONNX Runtime's attention takes no fewer.
    sizes = {"size": 16} if quick else {}
    settings = {**sequence_settings("gpt", 1, 1, quick, **sizes), "prompt": prompt, "tokens": tokens}
    name = f"{settings['sizes']['layers']} layers of {settings['sizes']['size']}, {tokens} tokens after {prompt}"
    return [Case(name, settings, Goal(times={"torch": 3.0}))]


def inputs(settings: Settings) -> dict[str, np.ndarray]:
    sizes = settings["sizes"]
    prompt = np.random.default_rng(5).integers(0, sizes["vocabulary"], (1, settings["prompt"])).astype("int32")
    return {"prompt": prompt, **to_arrays(initial_weights(SequencePlan(GPT, sizes)))}


def prepared(build: Callable[[Sizes, Weights, np.ndarray, int], Generate]) -> Prepare:
    def prepare(settings: Settings, data: Inputs) -> Task:
        count = settings["tokens"]
        generate = build(settings["sizes"], from_arrays(data), data["prompt"], count)
        tokens = np.asarray(generate()).reshape(-1).astype("int64")
        if len(tokens) != count:
            raise RuntimeError(f"{len(tokens)} tokens instead of {count}")
        # Tells the tokens and their order: one wrong token changes it by more than is tolerated.
        told = float(np.dot(tokens + 1, np.arange(1, count + 1)))
        return Task(lambda: count / seconds_of(generate), told)

    return prepare


def peak(settings: Settings, data: Inputs) -> Task:
    # Of embedding and positions, the first two, a token needs one row each.
    needed = sum(array.nbytes for layer in from_arrays(data)[2:] for array in layer)
    gigabytes_a_second = copy_peak(settings, data)
    return Task(lambda: 1e9 * gigabytes_a_second.measure() / needed)


def lamina(sizes: Sizes, weights: Weights, prompt: np.ndarray, count: int) -> Generate:
    from benchmarks.sequences.lamina_cached import lamina_generate

    generate = lamina_generate(GPT, sizes, weights, count)
    return lambda: generate(prompt).numpy()


def torch_eager(sizes: Sizes, weights: Weights, prompt: np.ndarray, count: int) -> Generate:
    return _torch(sizes, weights, prompt, count, compiled=False)


def torch_compile(sizes: Sizes, weights: Weights, prompt: np.ndarray, count: int) -> Generate:
    return _torch(sizes, weights, prompt, count, compiled=True)


def _torch(sizes: Sizes, weights: Weights, prompt: np.ndarray, count: int, compiled: bool) -> Generate:
    import torch

    from benchmarks.sequences.torch_cached import TorchDecoder
    from benchmarks.sequences.torch_layers import TorchSequence

    decoder = TorchDecoder(TorchSequence(GPT, sizes, weights).eval(), prompt.shape[1] + count, compiled)
    tokens = torch.from_numpy(prompt)
    return lambda: decoder.generate(tokens, count).numpy()


def onnxruntime(sizes: Sizes, weights: Weights, prompt: np.ndarray, count: int) -> Generate:
    from benchmarks.sequences.onnx_cached import OnnxDecoder

    decoder = OnnxDecoder(GPT, sizes, weights, prompt.shape[1] + count)
    return lambda: decoder.generate(prompt, count)


def jax_scan(sizes: Sizes, weights: Weights, prompt: np.ndarray, count: int) -> Generate:
    from benchmarks.sequences.jax_cached import jax_generate

    generate = jax_generate(GPT, sizes, weights, count)
    return lambda: np.asarray(generate(prompt))


WORKLOAD = Workload(
    name="generation",
    title="greedy generation by the GPT, batch 1, with a cache of keys and values",
    unit="tokens/s",
    cases=cases,
    inputs=inputs,
    peers={
        "lamina": prepared(lamina),
        "peak": peak,
        "torch": prepared(torch_eager),
        "torch-compile": prepared(torch_compile),
        "jax-scan": prepared(jax_scan),
        "onnxruntime": prepared(onnxruntime),
    },
    more_is_better=True,
    tolerance=1e-9,
)
