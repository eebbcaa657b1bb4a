"""Classes and functions of the user, known by name while a config is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T", bound=Callable[..., Any])

_custom_objects: dict[str, Any] = {}
_registered_names: dict[Any, str] = {}


def get_custom_objects() -> dict[str, Any]:
    """The names that are known at this moment, and what they stand for. Changes to it take effect."""
    return _custom_objects


def registered_name(obj: Any) -> str | None:
    """The name `package>Name` under which a class or function was registered, or None."""
    try:
        return _registered_names.get(obj)
    except TypeError:  # an object without a hash was not registered
        return None


def register_serializable(package: str = "Custom", name: str | None = None) -> Callable[[T], T]:
    """Decorator that makes a class or function known for saving and loading.

    Args:
        package: goes before the name, so that two packages may use one name; `"Custom"`.
        name: the name of the class or function when None.
    """

    def register(obj: T) -> T:
        full = f"{package}>{name or obj.__name__}"
        _custom_objects[full] = obj
        _registered_names[obj] = full
        return obj

    return register


class CustomObjectScope:
    """`with CustomObjectScope({"my_activation": f}): ...` makes names known inside of the block."""

    def __init__(self, objects: Mapping[str, Any]):
        self.objects = dict(objects)

    def __enter__(self) -> CustomObjectScope:
        self._hidden = {name: _custom_objects[name] for name in self.objects if name in _custom_objects}
        _custom_objects.update(self.objects)
        return self

    def __exit__(self, *exception: object) -> None:
        for name in self.objects:
            _custom_objects.pop(name, None)
        _custom_objects.update(self._hidden)


custom_object_scope = CustomObjectScope


def find_custom(name: str, custom_objects: Mapping[str, Any] | None = None) -> Any | None:
    """The user's object of this name: full, or without its package; None where there is none."""
    for table in (custom_objects or {}, _custom_objects):
        if name in table:
            return table[name]
        for full, obj in table.items():
            if full.rpartition(">")[2] == name:
                return obj
    return None
