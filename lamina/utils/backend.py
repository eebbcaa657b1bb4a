"""Settings and helpers under the names that Keras' `backend` has for them."""

from __future__ import annotations

from lamina.base.config import (
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)  # fmt: skip
from lamina.utils.sessions import clear_session

__all__ = [
    "backend", "clear_session", "epsilon", "floatx", "image_data_format", "set_epsilon", "set_floatx",
    "set_image_data_format",
]  # fmt: skip


def backend() -> str:
    """The name of the engine: `"lamina"`."""
    return "lamina"
