"""Small helpers around training: seeds, labels, scaling."""

from lamina.data import PyDataset, bucket_by_length, pad_sequences, timeseries_dataset_from_array
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
    "CustomObjectScope", "PyDataset", "Sequence", "bucket_by_length", "clear_session", "custom_object_scope",
    "get_custom_objects", "normalize", "pad_sequences", "register_keras_serializable", "set_random_seed",
    "timeseries_dataset_from_array", "to_categorical",
]  # fmt: skip
