"""Inference of ResNet-50 and MobileNetV2 at 224x224: one batch, from a NumPy array to a NumPy array of logits."""

from __future__ import annotations

import tempfile
from collections.abc import Callable

import numpy as np

from benchmarks.machine import cores
from benchmarks.networks import NETWORKS
from benchmarks.networks.network import Network
from benchmarks.networks.plan import Plan, Weights, from_arrays, initial_weights, to_arrays
from benchmarks.timing import seconds_per_call
from benchmarks.workload import Case, Goal, Inputs, Prepare, Settings, Task, Workload
from benchmarks.workloads.peak import time_at_fma_peak

Forward = Callable[[np.ndarray], np.ndarray]


def cases(quick: bool) -> list[Case]:
    if quick:
        return [_case("resnet50", 2, 32, 1.0), _case("mobilenetv2", 2, 32, 1.0)]
    return [
        _case(name, batch, 224, times) for name in ("resnet50", "mobilenetv2") for batch, times in ((1, 1.0), (16, 1.2))
    ]


def _case(network: str, batch: int, side: int, times: float) -> Case:
    settings = {"network": network, "shape": (side, side, 3), "batch": batch}
    return Case(f"{network} {side}x{side}x3, batch {batch}", settings, Goal(times={"fastest": times}))


def inputs(settings: Settings) -> dict[str, np.ndarray]:
    shape = tuple(settings["shape"])
    plan = Plan(NETWORKS[settings["network"]], shape)
    x = np.random.default_rng(17).standard_normal((settings["batch"], *shape), "float32")
    return {"x": x, **to_arrays(initial_weights(plan, trained=True))}


def prepared(build: Callable[[Network, Weights, np.ndarray], Forward], channels_first: bool = False) -> Prepare:
    """Args: channels_first: the framework wants pictures so, and is given them so."""

    def prepare(settings: Settings, data: Inputs) -> Task:
        x = data["x"]
        if channels_first:
            x = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
        forward = build(NETWORKS[settings["network"]], from_arrays(data), x)
        checksum = float(np.abs(forward(x)).sum(dtype="float64"))
        return Task(lambda: 1e3 * seconds_per_call(lambda: forward(x), 0.5), checksum)

    return prepare


def peak(settings: Settings, data: Inputs) -> Task:
    plan = Plan(NETWORKS[settings["network"]], tuple(settings["shape"]))
    return time_at_fma_peak(plan.forward * settings["batch"])


def lamina(network: Network, weights: Weights, x: np.ndarray) -> Forward:
    import lamina
    from benchmarks.networks.keras_layers import keras_model

    call = lamina.function(keras_model(lamina, network, x.shape[1:], weights))
    return lambda x: call(x).numpy()


def torch_eager(network: Network, weights: Weights, x: np.ndarray) -> Forward:
    return _torch(network, weights, x, compiled=False)


def torch_compile(network: Network, weights: Weights, x: np.ndarray) -> Forward:
    return _torch(network, weights, x, compiled=True)


def _torch(network: Network, weights: Weights, x: np.ndarray, compiled: bool) -> Forward:
    import torch

    from benchmarks.networks.torch_layers import TorchNetwork, to_torch

    model = TorchNetwork(network, x.shape[1:], weights).eval()
    # Frozen: normalisations are folded into the weights, and these are laid out for oneDNN.
    call = torch.compile(model, options={"freezing": True}) if compiled else model

    @torch.no_grad()
    def forward(x: np.ndarray) -> np.ndarray:
        return call(to_torch(x)).numpy()

    return forward


def onnxruntime(network: Network, weights: Weights, x: np.ndarray) -> Forward:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = cores()
    session = onnxruntime.InferenceSession(_onnx(network, weights, x), options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"input": x})[0]


def openvino(network: Network, weights: Weights, x: np.ndarray) -> Forward:
    import openvino

    core = openvino.Core()
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": cores()}
    compiled = core.compile_model(core.read_model(_onnx(network, weights, x)), "CPU", settings)
    return lambda x: compiled(x)[0]


def litert(network: Network, weights: Weights, x: np.ndarray) -> Forward:
    """TensorFlow converts the Keras model, LiteRT runs it; its convolutions are XNNPACK's."""
    import keras
    import tensorflow
    from ai_edge_litert.interpreter import Interpreter

    from benchmarks.networks.keras_layers import keras_model

    model = keras_model(keras, network, x.shape[1:], weights)
    with tempfile.TemporaryDirectory() as folder:
        model.export(folder, "tf_saved_model", verbose=False, input_signature=[keras.InputSpec("float32", x.shape)])
        content = tensorflow.lite.TFLiteConverter.from_saved_model(folder).convert()
    interpreter = Interpreter(model_content=content, num_threads=cores())
    interpreter.allocate_tensors()
    first, last = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def forward(x: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(first, x)
        interpreter.invoke()
        return interpreter.get_tensor(last)

    return forward


def _onnx(network: Network, weights: Weights, x: np.ndarray) -> bytes:
    from benchmarks.networks.onnx_layers import onnx_model

    batch, channels, rows, columns = x.shape
    return onnx_model(network, (rows, columns, channels), weights, batch)


WORKLOAD = Workload(
    name="inference",
    title="inference of convolutional networks, a batch",
    unit="ms",
    cases=cases,
    inputs=inputs,
    peers={
        "lamina": prepared(lamina),
        "peak": peak,
        "torch": prepared(torch_eager),
        "torch-compile": prepared(torch_compile),
        "onnxruntime": prepared(onnxruntime, channels_first=True),
        "openvino": prepared(openvino, channels_first=True),
        "litert": prepared(litert),
    },
    tolerance=1e-3,
)
