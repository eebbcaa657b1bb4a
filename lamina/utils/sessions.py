"""The state of the whole process."""

from __future__ import annotations

from lamina.objects import reset_names


def clear_session(free_memory: bool = True) -> None:
    """Starts the numbering of names anew.

    Args:
        free_memory: accepted as in Keras; models are freed when nothing refers to them.
    """
    reset_names()
