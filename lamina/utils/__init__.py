"""Small helpers around training: seeds, labels, scaling."""

from lamina.data import PyDataset
from lamina.objects import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
)  # fmt: skip
from lamina.objects import (
    register_serializable as register_keras_serializable,
)
from lamina.random import set_random_seed
from lamina.utils.arrays import normalize, to_categorical
from lamina.utils.sessions import clear_session

Sequence = PyDataset

__all__ = [
    "CustomObjectScope", "PyDataset", "Sequence", "clear_session", "custom_object_scope", "get_custom_objects",
    "normalize", "register_keras_serializable", "set_random_seed", "to_categorical",
]  # fmt: skip
