"""Networks over time in PyTorch: modules made by a first walk through the definition, called in order by later ones."""

from __future__ import annotations

import torch
from torch.nn import functional

from benchmarks.sequences.layers import EPSILON
from benchmarks.sequences.sequence import Sequence, Sizes, input_shape


class Attention(torch.nn.Module):
    """Self-attention with one product for queries, keys and values, and PyTorch's fused kernel between."""

    def __init__(self, size: int, heads: int):
        super().__init__()
        self.heads = heads
        self.onto, self.back = torch.nn.Linear(size, 3 * size), torch.nn.Linear(size, size)

    def heads_of(self, x):
        """Queries, keys and values: (batch, heads, steps, size of a head)."""
        return (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.onto(x).chunk(3, -1))

    def forward(self, x, causal: bool):
        y = functional.scaled_dot_product_attention(*self.heads_of(x), is_causal=causal)
        return self.back(y.transpose(1, 2).flatten(2))


class Positions(torch.nn.Module):
    def __init__(self, steps: int, size: int):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(steps, size))

    def forward(self, x):
        return x + self.weight


class _Calls:
    """Answers a definition by calling the modules in their order."""

    def __init__(self, modules):
        self.modules = iter(modules)

    def embedding(self, x, count, size):
        return next(self.modules)(x)

    def positions(self, x):
        return next(self.modules)(x)

    def lstm(self, x, units):
        return next(self.modules)(x)[0][:, -1]

    def both_ways(self, x, units, sequences=False):
        states, (last, _) = next(self.modules)(x)
        return states if sequences else torch.cat((last[0], last[1]), -1)

    def gru(self, x, units):
        return next(self.modules)(x)[0]

    def attention(self, x, heads, causal):
        return next(self.modules)(x, causal)

    def norm(self, x):
        return next(self.modules)(x)

    def dense(self, x, units, activation=None):
        x = next(self.modules)(x)
        return x if activation is None else getattr(functional, activation)(x)

    def add(self, x, y):
        return x + y


class _Modules(_Calls):
    """Answers a definition by making the modules."""

    def __init__(self):
        self.made: list[torch.nn.Module] = []
        super().__init__(_Last(self.made))

    def embedding(self, x, count, size):
        self.made.append(torch.nn.Embedding(count, size))
        return super().embedding(x, count, size)

    def positions(self, x):
        self.made.append(Positions(*x.shape[1:]))
        return super().positions(x)

    def lstm(self, x, units):
        self.made.append(torch.nn.LSTM(x.shape[-1], units, batch_first=True))
        return super().lstm(x, units)

    def both_ways(self, x, units, sequences=False):
        self.made.append(torch.nn.LSTM(x.shape[-1], units, batch_first=True, bidirectional=True))
        return super().both_ways(x, units, sequences)

    def gru(self, x, units):
        self.made.append(torch.nn.GRU(x.shape[-1], units, batch_first=True))
        return super().gru(x, units)

    def attention(self, x, heads, causal):
        self.made.append(Attention(x.shape[-1], heads))
        return super().attention(x, heads, causal)

    def norm(self, x):
        self.made.append(torch.nn.LayerNorm(x.shape[-1], EPSILON))
        return super().norm(x)

    def dense(self, x, units, activation=None):
        self.made.append(torch.nn.Linear(x.shape[-1], units))
        return super().dense(x, units, activation)


class _Last:
    """The module made last, again and again."""

    def __init__(self, made):
        self._made = made

    def __iter__(self):
        return self

    def __next__(self):
        return self._made[-1]


class TorchSequence(torch.nn.Module):
    """The network with the given weights."""

    def __init__(self, sequence: Sequence, sizes: Sizes, weights):
        super().__init__()
        makes = _Modules()
        example = torch.zeros(1, *input_shape(sizes), dtype=torch.float32 if "features" in sizes else torch.int64)
        with torch.no_grad():
            sequence.define(makes, example, sizes)
            for module, arrays in zip(makes.made, weights, strict=True):
                _set_weights(module, [torch.from_numpy(array) for array in arrays])
        self.define, self.sizes = sequence.define, sizes
        self.modules_in_order = torch.nn.ModuleList(makes.made)

    def forward(self, x):
        return self.define(_Calls(self.modules_in_order), x, self.sizes)


def _set_weights(module, arrays) -> None:
    if isinstance(module, torch.nn.LSTM):
        _set_lstm(module, arrays)
    elif isinstance(module, torch.nn.GRU):
        _set_gru(module, *arrays)
    elif isinstance(module, Attention):
        _set_attention(module, arrays)
    else:
        turned = isinstance(module, torch.nn.Linear)
        module.weight.copy_(arrays[0].T if turned else arrays[0])
        if len(arrays) > 1:
            module.bias.copy_(arrays[1])


def _set_lstm(module, arrays) -> None:
    """Keras has one bias where PyTorch has two with one gradient: the second stays zero, else both would learn."""
    for way, end in enumerate(("", "_reverse")[: len(arrays) // 3]):
        kernel, recurrent, bias = arrays[3 * way : 3 * way + 3]
        getattr(module, f"weight_ih_l0{end}").copy_(kernel.T)
        getattr(module, f"weight_hh_l0{end}").copy_(recurrent.T)
        getattr(module, f"bias_ih_l0{end}").copy_(bias)
        getattr(module, f"bias_hh_l0{end}").zero_().requires_grad_(False)


def _set_gru(module, kernel, recurrent, bias) -> None:
    """PyTorch has the gate of resetting before that of updating."""

    def ordered(array):
        update, reset, state = array.chunk(3, -1)
        return torch.cat((reset, update, state), -1)

    module.weight_ih_l0.copy_(ordered(kernel).T)
    module.weight_hh_l0.copy_(ordered(recurrent).T)
    module.bias_ih_l0.copy_(ordered(bias[0]))
    module.bias_hh_l0.copy_(ordered(bias[1]))


def _set_attention(module, arrays) -> None:
    query, query_bias, key, key_bias, value, value_bias, back, back_bias = arrays
    module.onto.weight.copy_(torch.cat([kernel.flatten(1) for kernel in (query, key, value)], 1).T)
    module.onto.bias.copy_(torch.cat([bias.flatten() for bias in (query_bias, key_bias, value_bias)]))
    module.back.weight.copy_(back.flatten(0, 1).T)
    module.back.bias.copy_(back_bias)
