"""Layers called on symbolic tensors, outside of any trace: the calls are remembered, and make a functional model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lamina.base import trees
from lamina.base.dims import Shape
from lamina.base.errors import ArgumentError, LaminaError, ShapeError, TraceError
from lamina.graph import Node, Spec, user_source
from lamina.graph.node import INPUT, Attributes
from lamina.layers import unknown_sizes
from lamina.tensor import Tensor, Trace, Variable, eagerly
from lamina.tensor.state import state

if TYPE_CHECKING:
    from lamina.layers.layer import Layer


class KerasTensor(Tensor):
    """What an `Input` gives, and a layer that is called on such: a shape and a dtype, and no value.

    Operators and `lamina.ops` work on it; what they give can go into further layers, and out of a model.

    Attributes:
        name: of the `Input`, or of the layer that gave it.
    """

    __slots__ = ("name",)

    name: str

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"


class Call:
    """One call of a layer on symbolic tensors.

    Attributes:
        args, kwargs: what the layer was given.
        inputs: the tensors among that, in order.
        outputs: what it gave, in its structure.
    """

    __slots__ = ("args", "inputs", "kwargs", "layer", "outputs")

    def __init__(self, layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]):
        self.layer = layer
        self.args = args
        self.kwargs = kwargs
        self.inputs = symbolic_tensors((args, kwargs))
        self.outputs: Any = None

    def finish(self, specs: Any) -> Any:
        """Makes the outputs of given shapes and dtypes, and remembers the call with its layer."""
        leaves = trees.flatten(specs)
        tensors = [_output(self, i, s) if isinstance(s, _Spec) else s for i, s in enumerate(leaves)]
        self.outputs = trees.unflatten(specs, tensors)
        self.layer._calls.append(self)
        return self.outputs


class _Spec:
    """Shape and dtype of an output; unlike a named tuple, a leaf of a structure."""

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: Shape, dtype: str):
        self.shape = shape
        self.dtype = dtype


def _output(call: Call, index: int, spec: _Spec) -> KerasTensor:
    """Output number `index` of a call: a leaf of the graph of operations, that knows where it comes from."""
    name = call.layer.name
    attrs = Attributes({"shape": spec.shape, "dtype": spec.dtype, "name": name, "origin": (call, index)})
    tensor = KerasTensor.__new__(KerasTensor)
    tensor._array = None
    tensor._node = Node(INPUT, (), attrs, Spec(spec.shape, spec.dtype), user_source())
    tensor.name = name
    return tensor


def origin(node: Node) -> tuple[Call, int] | None:
    """The call that gave the tensor of this node, and which of its outputs it is; None for any other node."""
    return node.attrs.get("origin") if node.primitive is INPUT else None


def symbolic_tensors(structure: Any) -> list[Tensor]:
    """The symbolic tensors in a structure, in order."""
    return [leaf for leaf in trees.flatten(structure) if isinstance(leaf, Tensor) and leaf.symbolic]


def is_symbolic(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a call with these arguments is to be remembered, instead of being computed or traced."""
    tensors = symbolic_tensors((args, kwargs))
    if not tensors or state.trace is None:
        return bool(tensors)
    return any(origin(t.node) is not None for t in tensors)


def start_tensor(layer: Layer, sizes: Sequence[int | None], dtype: str) -> KerasTensor:
    """The tensor that an input layer stands for."""
    return Call(layer, (), {}).finish(_Spec(unknown_sizes.open_shape(sizes), dtype))


def call(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Calls a layer on symbolic tensors.

    Raises:
        TraceError: if a tensor comes out of a traced function that has returned.
        ShapeError, DTypeError, ...: whatever the layer finds wrong.
    """
    made = Call(layer, args, kwargs)
    for tensor in made.inputs:
        if tensor.node.primitive is INPUT and origin(tensor.node) is None:
            raise TraceError(
                f"{layer._title()} was called on a tensor that was made while a function was traced, and kept. Call "
                "it inside of the function, or on what `Input(...)` gives."
            )
    with eagerly():
        layer._prepare_call(args, kwargs)
        return made.finish(_outputs(layer, args, kwargs))


def _outputs(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Shapes and dtypes of what a layer gives."""
    try:
        return _traced(layer, args, kwargs, None)
    except LaminaError as error:
        if not unknown_sizes.has_open_axes([t.dims for t in symbolic_tensors((args, kwargs))]):
            raise
        try:
            return _tried(layer, args, kwargs)
        except LaminaError:
            raise error from None


def _tried(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Shapes and dtypes, found by two trials with stand-ins for the axes that are open."""
    first, second = (_traced(layer, args, kwargs, trial) for trial in (0, 1))
    if len(trees.flatten(first)) != len(trees.flatten(second)):
        raise ShapeError("The number of outputs depends on sizes that are not known.")

    def merged(a: Any, b: Any) -> Any:
        return _Spec(unknown_sizes.from_trials(a.shape, b.shape), a.dtype) if isinstance(a, _Spec) else a

    return trees.map_structure(merged, first, second)


def _traced(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any], trial: int | None) -> Any:
    """Shapes and dtypes, found by tracing the call."""
    trace = Trace()

    def stand_in(leaf: Any) -> Any:
        if not isinstance(leaf, Tensor) or not leaf.symbolic:
            return leaf
        dims = leaf.dims if trial is None else unknown_sizes.at_trial(leaf.dims, trial)
        return trace.input(dims, leaf.dtype, layer.name)

    try:
        with trace.stage("shape"):
            outputs = layer(*trees.map_structure(stand_in, args), **trees.map_structure(stand_in, kwargs))
    finally:
        layer._clear_losses()
    if not any(isinstance(leaf, (Tensor, Variable)) for leaf in trees.flatten(outputs)):
        raise ArgumentError(
            f"{layer._title()}: its call gave no tensor. Received: {outputs!r}. Did you forget to `return` it?"
        )
    return trees.map_structure(lambda o: _Spec(o.dims, o.dtype) if isinstance(o, (Tensor, Variable)) else o, outputs)
