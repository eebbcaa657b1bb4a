"""Remembers from which numbers a sigmoid or softmax was computed.

A cross-entropy of probabilities that are still known to come from a sigmoid or softmax is computed from its inputs
(logits) instead: the same number, but without the logarithm of a rounded share, and with the short gradient
"prediction minus target".
"""

from __future__ import annotations

import weakref
from typing import Any

from lamina.base import dtypes
from lamina.graph import Node
from lamina.primitives import CAST
from lamina.tensor import Tensor
from lamina.tensor.arithmetic import positive
from lamina.tensor.convert import cast

_nodes: weakref.WeakKeyDictionary[Node, tuple[str, Tensor]] = weakref.WeakKeyDictionary()
_tensors: dict[int, tuple[weakref.ref[Tensor], str, Tensor]] = {}


def remember(kind: str, output: Tensor, logits: Any) -> None:
    """Notes that `output` is the sigmoid or softmax (along the last axis) of `logits`."""
    if not isinstance(logits, Tensor) or logits.symbolic != output.symbolic:
        return
    if output.symbolic:
        _nodes[output.node] = (kind, logits)
        return
    key = id(output)
    _tensors[key] = (weakref.ref(output, lambda _: _tensors.pop(key, None)), kind, logits)


def logits_of(kind: str, output: Any) -> Tensor | None:
    """The numbers of which `output` is the sigmoid or softmax, where that is known, as its dtype.

    Casts in between do not count: a loss takes half floats as float32.
    """
    if not isinstance(output, Tensor):
        return None
    if output.symbolic:
        node = output.node
        while node not in _nodes and node.primitive is CAST and dtypes.is_float(node.inputs[0].dtype):
            node = node.inputs[0]
        found = _nodes.get(node)
        return positive(cast(found[1], output.dtype)) if found is not None and found[0] == kind else None
    noted = _tensors.get(id(output))
    return noted[2] if noted is not None and noted[0]() is output and noted[1] == kind else None
