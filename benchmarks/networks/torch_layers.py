"""Networks in PyTorch: modules made by a first walk through the definition, called in the same order by later ones."""

from __future__ import annotations

import torch
from torch.nn import functional

from benchmarks.networks.layers import EPSILON, MOMENTUM
from benchmarks.networks.network import Network


class _Calls:
    """Answers a definition by calling the modules in their order."""

    def __init__(self, modules):
        self.modules = iter(modules)

    def conv(self, x, filters, size, strides=1, padding=0, use_bias=False, activation=None):
        return self.activation(next(self.modules)(x), activation)

    def depthwise(self, x, size, strides=1, padding=0):
        return next(self.modules)(x)

    def conv_transpose(self, x, filters, size):
        return next(self.modules)(x)

    def norm(self, x):
        return next(self.modules)(x)

    def activation(self, x, name):
        return x if name is None else getattr(functional, name)(x, inplace=True)

    def max_pool(self, x, size, strides, padding=0):
        return functional.max_pool2d(x, size, strides, padding)

    def global_average(self, x):
        return x.mean((2, 3))

    def flatten(self, x):
        return x.permute(0, 2, 3, 1).flatten(1)

    def dense(self, x, units, activation=None):
        return self.activation(next(self.modules)(x), activation)

    def add(self, x, y):
        return x + y

    def concatenate(self, x, y):
        return torch.cat((x, y), 1)


class _Modules(_Calls):
    """Answers a definition by making the modules."""

    def __init__(self):
        self.made: list[torch.nn.Module] = []

    def conv(self, x, filters, size, strides=1, padding=0, use_bias=False, activation=None):
        return self._make(torch.nn.Conv2d(x.shape[1], filters, size, strides, padding, bias=use_bias), x)

    def depthwise(self, x, size, strides=1, padding=0):
        channels = x.shape[1]
        module = torch.nn.Conv2d(channels, channels, size, strides, padding, groups=channels, bias=False)
        return self._make(module, x)

    def conv_transpose(self, x, filters, size):
        return self._make(torch.nn.ConvTranspose2d(x.shape[1], filters, size, size), x)

    def norm(self, x):
        return self._make(torch.nn.BatchNorm2d(x.shape[1], EPSILON, 1 - MOMENTUM), x)

    def dense(self, x, units, activation=None):
        return self._make(torch.nn.Linear(x.shape[1], units), x)

    def _make(self, module, x):
        self.made.append(module)
        return module.eval()(x)


class TorchNetwork(torch.nn.Module):
    """The network with the given weights, channels last. It takes and gives channels in the second axis."""

    def __init__(self, network: Network, shape, weights):
        super().__init__()
        rows, columns, channels = shape
        makes = _Modules()
        with torch.no_grad():
            network.define(makes, torch.zeros(1, channels, rows, columns))
            for module, arrays in zip(makes.made, weights, strict=True):
                _set_weights(module, [torch.from_numpy(array) for array in arrays])
        self.define = network.define
        self.modules_in_order = torch.nn.ModuleList(makes.made)
        self.to(memory_format=torch.channels_last)

    def forward(self, x):
        return self.define(_Calls(self.modules_in_order), x)


def _set_weights(module, arrays) -> None:
    if isinstance(module, torch.nn.BatchNorm2d):
        places = [module.weight, module.bias, module.running_mean, module.running_var]
    else:
        places = [module.weight, module.bias][: len(arrays)]
        arrays = [_as_torch_has_it(module, arrays[0]), *arrays[1:]]
    for place, array in zip(places, arrays, strict=True):
        place.copy_(array)


def _as_torch_has_it(module, kernel):
    """A kernel of Keras: rows, columns, input and output channels (transposed: output and input)."""
    if isinstance(module, torch.nn.Linear):
        return kernel.T
    if isinstance(module, torch.nn.Conv2d) and module.groups > 1:
        return kernel.permute(2, 3, 0, 1)
    return kernel.permute(3, 2, 0, 1)


def to_torch(images):
    """Pictures of NumPy, channels last, as a tensor that names the channels second and keeps them last in memory."""
    return torch.from_numpy(images).permute(0, 3, 1, 2)
