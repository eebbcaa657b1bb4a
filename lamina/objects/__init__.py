"""Objects that have a name, can be found by it, and can be written down as a config and rebuilt from it."""

from lamina.objects.arguments import TellsArguments, argument_names, check_arguments, tells_arguments, unknown_argument
from lamina.objects.custom import CustomObjectScope, custom_object_scope, get_custom_objects, register_serializable
from lamina.objects.names import reset_names, snake_case, unique_name
from lamina.objects.registry import Registry, serialize_object

__all__ = [
    "CustomObjectScope", "Registry", "TellsArguments", "argument_names", "check_arguments", "custom_object_scope",
    "get_custom_objects", "register_serializable", "reset_names", "serialize_object", "snake_case", "unique_name",
    "tells_arguments", "unknown_argument",
]  # fmt: skip
