"""A decoder in PyTorch that keeps the keys and values of what it has seen, and goes on from there."""

from __future__ import annotations

import torch
from torch.nn import functional

from benchmarks.sequences.torch_layers import TorchSequence, _Calls


class _CachedCalls(_Calls):
    """Calls the modules for tokens that begin at a position, after those in the cache.

    Args:
        caches: keys and values of each attention, `(1, heads, steps, size)`, written in place.
        position: an int: attention reads the cache as far as it is filled. A tensor of one element, for a compiled
            step of one token: it reads all of it, under a mask.
    """

    def __init__(self, modules, caches, position):
        super().__init__(modules)
        self.caches, self.position = iter(caches), position

    def positions(self, x):
        return x + next(self.modules).weight[self._places(x.shape[1])]

    def attention(self, x, heads, causal):
        module, (keys, values) = next(self.modules), next(self.caches)
        query, key, value = module.heads_of(x)
        places = self._places(x.shape[1])
        keys[:, :, places], values[:, :, places] = key, value
        if isinstance(self.position, int):
            end = self.position + x.shape[1]
            y = functional.scaled_dot_product_attention(
                query, keys[:, :, :end], values[:, :, :end], is_causal=x.shape[1] > 1
            )
        else:
            seen = torch.arange(keys.shape[2]) <= self.position
            y = functional.scaled_dot_product_attention(query, keys, values, attn_mask=seen[None, None, None])
        return module.back(y.transpose(1, 2).flatten(2))

    def _places(self, count):
        return slice(self.position, self.position + count) if isinstance(self.position, int) else self.position


class TorchDecoder:
    """Args: model: its network; length: of prompt and answer; compiled: whether steps of one token are compiled."""

    def __init__(self, model: TorchSequence, length: int, compiled: bool):
        sizes = model.sizes
        shape = (2, 1, sizes["heads"], length, sizes["size"] // sizes["heads"])
        self._model, self._caches = model, [torch.zeros(shape) for _ in range(sizes["layers"])]
        self._compiled = compiled
        self._step = torch.compile(self._next) if compiled else self._next

    def _next(self, tokens, position):
        """The likeliest token after `tokens`, which stand at `position`."""
        model = self._model
        layers = _CachedCalls(model.modules_in_order, self._caches, position)
        return model.define(layers, tokens, model.sizes)[:, -1:].argmax(-1)

    @torch.no_grad()
    def generate(self, prompt, count: int):
        """`count` tokens after those of the prompt `(1, length)`, each the likeliest."""
        token, length = self._next(prompt, 0), prompt.shape[1]
        made = [token]
        for position in range(length, length + count - 1):
            token = self._step(token, torch.tensor([position]) if self._compiled else position)
            made.append(token)
        return torch.cat(made, 1)
