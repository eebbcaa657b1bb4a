"""The arguments of layers: of their constructor and of their call."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lamina import ops
from lamina.base import dtypes, trees
from lamina.base.errors import ArgumentError
from lamina.objects import argument_names, unknown_argument
from lamina.tensor import Tensor, Variable

_PLAIN = (bool, int, float, str, type(None))


@functools.cache
def call_parameters(call: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """The parameters of a layer class's `call`, without `self`."""
    return dict(list(inspect.signature(call).parameters.items())[1:])


def check_keywords(cls: type, kwargs: dict[str, Any]) -> tuple[Any, ...] | None:
    """The batch shape that old-style keywords of a first layer give, or None.

    Args:
        cls: the class of the layer.
        kwargs: what is left of a constructor's keywords: `input_shape` (without batch), `input_dim`,
            `batch_input_shape` and `batch_size` are known.

    Raises:
        UnknownArgumentError: for any other keyword.
    """
    known = {"input_shape", "input_dim", "batch_input_shape", "batch_size"}
    unknown = sorted(set(kwargs) - known)
    if unknown:
        raise unknown_argument(cls.__name__, unknown[0], known | argument_names(cls))
    if "batch_input_shape" in kwargs:
        return tuple(kwargs["batch_input_shape"])
    shape = kwargs.get("input_shape", (kwargs["input_dim"],) if "input_dim" in kwargs else None)
    if shape is None:
        return None
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    return (kwargs.get("batch_size"), *shape)


def is_tensor(value: Any) -> bool:
    return isinstance(value, (Tensor, Variable, np.ndarray))


def prepare(value: Any, float_dtype: str | None) -> Any:
    """An argument of a call with its arrays as tensors, floats among them cast to `float_dtype`.

    A list of numbers, nested or not, is an array; a list of arrays stays a list.
    """
    if isinstance(value, (list, tuple)):
        leaves = trees.flatten(value)
        if leaves and all(isinstance(leaf, (bool, int, float, np.number)) for leaf in leaves):
            return _tensor(np.asarray(value), float_dtype)
    return trees.map_structure(lambda leaf: _tensor(leaf, float_dtype) if _array_like(leaf) else leaf, value)


def _array_like(value: Any) -> bool:
    return is_tensor(value) or (hasattr(value, "__array__") and not isinstance(value, _PLAIN))


def _tensor(value: Any, float_dtype: str | None) -> Any:
    tensor = ops.convert_to_tensor(value)
    if float_dtype is not None and dtypes.is_float(tensor.dtype) and tensor.dtype != float_dtype:
        return ops.cast(tensor, float_dtype)
    return tensor


def shape_structure(value: Any) -> Any:
    """The shapes of the tensors in a structure, in the same structure; None for what is no tensor."""
    return trees.map_structure(lambda leaf: tuple(leaf.shape) if is_tensor(leaf) else None, value)


def constructor_arguments(layer: Any, known: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with which a layer was made, by name, without those in `known`.

    Raises:
        ArgumentError: if one is not a plain value, so that the class must have a `get_config` of its own.
    """
    args, kwargs = layer._constructor_call
    signature = inspect.signature(type(layer).__init__)
    bound = signature.bind(layer, *args, **kwargs).arguments
    arguments: dict[str, Any] = {}
    for name, value in list(bound.items())[1:]:
        kind = signature.parameters[name].kind
        arguments.update(value if kind is inspect.Parameter.VAR_KEYWORD else {name: value})
    result = {name: value for name, value in arguments.items() if name not in known}
    for name, value in result.items():
        if not all(isinstance(leaf, _PLAIN) for leaf in trees.flatten(value)):
            raise ArgumentError(
                f"{type(layer).__name__}.get_config() is missing: its argument {name!r} is a {type(value).__name__}, "
                "which is not a plain value. Define get_config() to return the arguments of the constructor."
            )
    return result
