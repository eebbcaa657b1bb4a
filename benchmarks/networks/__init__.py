"""Networks, each defined once; Keras, PyTorch, JAX, ONNX and a plan of weights and work answer the definition.

Peers import this too: only NumPy may be needed here.
"""

from __future__ import annotations

from benchmarks.networks.mobilenet_v2 import mobilenet_v2
from benchmarks.networks.network import Network
from benchmarks.networks.resnet import resnet18, resnet50
from benchmarks.networks.small_cnn import small_cnn
from benchmarks.networks.unet import unet

NETWORKS: dict[str, Network] = {
    network.name: network
    for network in (
        Network("cnn", small_cnn, (28, 28, 1), optimizer="adam", learning_rate=0.001, softmax=True),
        Network("resnet18", resnet18, (32, 32, 3)),
        Network("resnet50", resnet50, (224, 224, 3), learning_rate=0.001),
        Network("mobilenetv2", mobilenet_v2, (96, 96, 3), learning_rate=0.001),
        Network("unet", unet, (128, 128, 3), mask=True),
    )
}
