"""What `get`, `serialize` and `deserialize` of every family (activations, losses, ...) have in common."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from lamina.base.errors import ArgumentError
from lamina.objects.custom import find_custom, registered_name


def serialize_object(obj: Any, module: str = "lamina") -> dict[str, Any]:
    """An object with `get_config` as a dict that JSON can hold.

    Returns:
        `{"module", "class_name", "config", "registered_name"}`, the keys that Keras uses.
    """
    if not hasattr(obj, "get_config"):
        raise ArgumentError(
            f"{obj!r} cannot be serialized: it has no `get_config()`. Give its class a `get_config()` that returns "
            "the arguments of its constructor."
        )
    return {
        "module": module,
        "class_name": type(obj).__name__,
        "config": obj.get_config(),
        "registered_name": registered_name(type(obj)),
    }


class Registry:
    """The objects of one family and the names by which they are found.

    Args:
        kind: what one of them is called in messages, such as `"activation"`.
        module: where they live, such as `"lamina.activations"`.
        objects: the classes or functions, each found under its own name.
        aliases: further names.
    """

    def __init__(self, kind: str, module: str, objects: list[Any], aliases: Mapping[str, Any] | None = None):
        self.kind = kind
        self.module = module
        self.table: dict[str, Any] = {obj.__name__: obj for obj in objects}
        self.table.update(aliases or {})

    def find(self, name: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """The class or function of this name.

        Raises:
            ArgumentError: if there is none; the message names similar ones.
        """
        found = find_custom(name, custom_objects)
        if found is None:
            found = self.table.get(name)
        if found is None:
            raise ArgumentError(f"There is no {self.kind} {name!r}. {self._advice(name)}")
        return found

    def _advice(self, name: str) -> str:
        import difflib  # only errors need it

        close = difflib.get_close_matches(name.lower(), list(self.table), n=3, cutoff=0.5)
        if close:
            return f"Did you mean {' or '.join(repr(c) for c in close)}?"
        return f"Known names: {', '.join(sorted(self.table))}."

    def get(self, identifier: Any) -> Any:
        """A name, config, class, instance or function as an instance or function; None stays None.

        Raises:
            ArgumentError: if the identifier is none of these.
        """
        if identifier is None:
            return None
        if isinstance(identifier, dict):
            return self.deserialize(identifier)
        found = self.find(identifier) if isinstance(identifier, str) else identifier
        if inspect.isclass(found):
            return found()
        if not callable(found):
            raise ArgumentError(
                f"Expected {self._article()} {self.kind}: a name, a config (dict), an instance or a function. "
                f"Received: {identifier!r} of type {type(identifier).__name__}."
            )
        return found

    def _article(self) -> str:
        return "an" if self.kind[0] in "aeiou" else "a"

    def serialize(self, obj: Any) -> Any:
        """A function as its name, an object as its config, None as None.

        Raises:
            ArgumentError: if a function has no name by which it could be found again.
        """
        if obj is None or isinstance(obj, (str, dict)):
            return obj
        if not inspect.isfunction(obj):
            return serialize_object(obj, self.module)
        name = registered_name(obj)
        if name is not None:
            return name
        for name, known in self.table.items():
            if known is obj:
                return name
        if obj.__name__ == "<lambda>":
            raise ArgumentError(
                f"A lambda cannot be serialized as {self._article()} {self.kind}: it has no name. Define a function "
                "with `def` and register it with `register_serializable()`."
            )
        return obj.__name__

    def deserialize(self, config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """What `serialize` wrote, as an object again.

        Args:
            config: a name, or a dict with `class_name` and `config`.
            custom_objects: names of the user's own classes and functions.

        Raises:
            ArgumentError: if the name is unknown, or the config cannot be read.
        """
        if config is None:
            return None
        if isinstance(config, str):
            return self.find(config, custom_objects)
        if not isinstance(config, dict) or "class_name" not in config:
            raise ArgumentError(
                f"The config of {self._article()} {self.kind} must be a name or a dict with 'class_name' and 'config'. "
                f"Received: {config!r}."
            )
        if config["class_name"] == "function":
            return self.find(config["config"], custom_objects)
        found = self.find(config.get("registered_name") or config["class_name"], custom_objects)
        arguments = dict(config.get("config") or {})
        return found.from_config(arguments) if hasattr(found, "from_config") else found(**arguments)
