"""How layers come to be: their constructor's arguments, and names that a subclass must leave as they are."""

from __future__ import annotations

import inspect
from typing import Any

from lamina.base.errors import ArgumentError, ReservedNameError
from lamina.layers.building import marking_built
from lamina.objects import check_arguments, unique_name

# Attributes that layers, models and what trains them read of every layer.
_NEEDED = frozenset(
    {
        "name", "weights", "variables", "trainable", "trainable_weights", "trainable_variables",
        "non_trainable_weights", "non_trainable_variables", "losses", "dtype", "dtype_policy", "compute_dtype",
        "variable_dtype",
    }
)  # fmt: skip


class Constructed:
    """What `Layer` does when one is made, or a class of them."""

    _name: str

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if kwargs:
            check_arguments(cls, args, kwargs)
        layer = super().__new__(cls)
        layer.__dict__["_constructor_call"] = (args, kwargs)
        return layer

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, value in cls.__dict__.items():
            if name in _NEEDED and inspect.isfunction(value):
                raise ReservedNameError(
                    f"class {cls.__name__}: a method cannot be called {name!r}, which every layer has as an "
                    f"attribute: `layer.{name}`. Give the method another name, or make it a property with @property."
                )
        if "build" in cls.__dict__:
            cls.build = marking_built(cls.__dict__["build"])  # type: ignore[attr-defined]

    def __setattr__(self, name: str, value: Any) -> None:
        try:
            super().__setattr__(name, value)
        except AttributeError:
            if not isinstance(inspect.getattr_static(type(self), name, None), property):
                raise
            raise ReservedNameError(
                f"{type(self).__name__}: the attribute {name!r} cannot be set, as it tells what the layer finds out "
                f"itself. Give yours another name, such as `self.my_{name}`."
            ) from None

    @property
    def name(self) -> str:
        """What the layer is called in models, messages and tables."""
        return self._name

    @name.setter
    def name(self, value: str) -> None:
        self._name = checked_name(type(self).__name__, value)

    def _title(self) -> str:
        return f"{type(self).__name__} layer {self._name!r}"


def checked_name(owner: str, name: Any) -> str:
    """`name` for a layer of this class, or one that no other layer has for None.

    Raises:
        ArgumentError: if it is no name.
    """
    if name is None:
        return unique_name(owner)
    if not isinstance(name, str) or not name or "/" in name:
        raise ArgumentError(f"{owner}: name must be a non-empty string without '/'. Received: {name!r}.")
    return name
