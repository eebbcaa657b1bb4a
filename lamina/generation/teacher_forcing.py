"""What a decoder is given while it is trained: the true tokens, one step late."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import ops
from lamina.base.errors import ShapeError
from lamina.tensor import Tensor


def teacher_forcing(targets: Any, start_token_id: int) -> Any:
    """The inputs with which a decoder learns its targets: a start token, then the targets but for the last.

    Args:
        targets: tokens `(batch, steps)`; an array or a tensor.
        start_token_id: with what every row begins.

    Returns:
        Tokens of the same shape and dtype: a tensor for a tensor, otherwise a NumPy array.

    Raises:
        ShapeError: if the targets are not `(batch, steps)`.

    Source: Williams and Zipser, 1989.
    """
    given = targets if isinstance(targets, Tensor) else np.asarray(targets)
    if len(given.shape) != 2:
        raise ShapeError(f"teacher_forcing: targets must have shape (batch, steps). Received: {tuple(given.shape)}.")
    if isinstance(given, Tensor):
        return ops.concatenate([ops.full_like(given[:, :1], start_token_id), given[:, :-1]], axis=1)
    return np.concatenate([np.full_like(given[:, :1], start_token_id), given[:, :-1]], axis=1)
