"""What a functional model does: an ordered list of calls of layers and of operations, run one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from lamina.base import trees
from lamina.base.dims import Dim, Dimension
from lamina.graph import CONSTANT, Node, Primitive, Source
from lamina.graph.source import inherited_source
from lamina.layers import Layer
from lamina.layers.symbolic import Call, origin
from lamina.layers.unknown_sizes import substitute_in, symbols_in
from lamina.tensor import Tensor, apply


class Slot:
    """Stands in the arguments of a step for the value with this number."""

    __slots__ = ("number",)

    def __init__(self, number: int):
        self.number = number


class LayerStep:
    """A call of a layer.

    Attributes:
        args, kwargs: what it is given, with a `Slot` for each tensor.
        outputs: the numbers of the values that it gives; None for one that nobody needs.
        drops: the numbers of values that nobody needs any more after this step.
    """

    def __init__(self, layer: Layer, args: Any, kwargs: Any, outputs: tuple[int | None, ...]):
        self.layer = layer
        self.args = args
        self.kwargs = kwargs
        self.outputs = outputs
        self.drops: tuple[int, ...] = ()

    def reads(self) -> list[int]:
        return [s.number for s in trees.flatten((self.args, self.kwargs)) if isinstance(s, Slot)]

    def run(self, values: list[Any], symbols: Callable[[], dict[str, Dimension]], layer_of: Any) -> None:
        """Calls the layer on what is in `values`, and puts there what it gives."""

        def filled(leaf: Any) -> Any:
            return values[leaf.number] if isinstance(leaf, Slot) else leaf

        layer = self.layer if layer_of is None else layer_of(self.layer)
        given = layer(*trees.map_structure(filled, self.args), **trees.map_structure(filled, self.kwargs))
        for number, value in zip(self.outputs, trees.flatten(given), strict=True):
            if number is not None:
                values[number] = value


class OperationStep:
    """An operation outside of any layer.

    Attributes:
        inputs, output: the numbers of the values that it reads and gives.
        source: the user's line that asked for it.
        drops: the numbers of values that nobody needs any more after this step.
    """

    def __init__(
        self, primitive: Primitive, inputs: tuple[int, ...], attrs: dict[str, Any], output: int, source: Source
    ):
        self.primitive = primitive
        self.inputs = inputs
        self.attrs = attrs
        self.outputs = (output,)
        self.source = source
        self.drops: tuple[int, ...] = ()
        self._open = any(symbols_in(value) for value in attrs.values())

    def reads(self) -> list[int]:
        return list(self.inputs)

    def run(self, values: list[Any], symbols: Callable[[], dict[str, Dimension]], layer_of: Any) -> None:
        """Applies the operation to what is in `values`, and puts there what it gives."""
        attrs = self.attrs
        if self._open:
            sizes = symbols()
            attrs = {name: substitute_in(value, sizes) for name, value in attrs.items()}
        with inherited_source(self.source):
            values[self.outputs[0]] = apply(self.primitive, *[values[i] for i in self.inputs], **attrs)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "primitive": self.primitive.name}

    def __setstate__(self, state: dict[str, Any]) -> None:
        from lamina.primitives import CONTROL, REGISTRY

        self.__dict__.update(state)
        self.primitive = (REGISTRY | CONTROL)[state["primitive"]]


Step = LayerStep | OperationStep


class Plan:
    """The steps that lead from some tensors to others.

    Args:
        inputs: nodes that are given.
        outputs: the structure of tensors that are wanted.
        nodes: all nodes between them, each after those that it needs.

    Attributes:
        steps: in an order in which they can be run.
    """

    def __init__(self, inputs: Sequence[Node], outputs: Any, nodes: Iterable[Node]):
        self._numbers: dict[Node, int] = {}
        self.inputs = tuple(self._number(n) for n in inputs)
        self._constants: dict[int, Any] = {}
        self._sizes: dict[str, tuple[int, int]] = {}
        self.steps: list[Step] = []
        given = set(inputs)
        calls: set[int] = set()
        for node in inputs:
            self._learn_sizes(node)
        for node in nodes:
            if node not in given:
                self._add(node, calls)
        self.outputs = trees.map_structure(lambda t: Slot(self._number(t.node)), outputs)
        self.count = len(self._numbers)
        del self._numbers
        self._find_drops()

    def _number(self, node: Node) -> int:
        return self._numbers.setdefault(node, len(self._numbers))

    def _add(self, node: Node, calls: set[int]) -> None:
        made = origin(node)
        if node.primitive is CONSTANT:
            self._constants[self._number(node)] = Tensor.of_array(node.attrs["value"].value)
        elif made is None:
            inputs = tuple(self._number(n) for n in node.inputs)
            self.steps.append(OperationStep(node.primitive, inputs, dict(node.attrs), self._number(node), node.source))
        else:
            if id(made[0]) not in calls:
                calls.add(id(made[0]))
                self.steps.append(self._layer_step(made[0]))
            self._learn_sizes(node)

    def _layer_step(self, call: Call) -> LayerStep:
        def slot(leaf: Any) -> Any:
            return Slot(self._number(leaf.node)) if isinstance(leaf, Tensor) and leaf.symbolic else leaf

        outputs = tuple(self._number(t.node) if isinstance(t, Tensor) else None for t in trees.flatten(call.outputs))
        return LayerStep(
            call.layer, trees.map_structure(slot, call.args), trees.map_structure(slot, call.kwargs), outputs
        )

    def _learn_sizes(self, node: Node) -> None:
        """Remembers where the size behind each symbol of a shape can be seen."""
        for axis, dimension in enumerate(node.shape):
            if isinstance(dimension, Dim) and dimension == Dim(str(dimension)):
                self._sizes.setdefault(str(dimension), (self._number(node), axis))

    def _find_drops(self) -> None:
        wanted = {s.number for s in trees.flatten(self.outputs)} | set(self._constants)
        wanted.update(number for number, _ in self._sizes.values())
        for step in reversed(self.steps):
            now = {*step.reads(), *(n for n in step.outputs if n is not None)} - wanted
            step.drops = tuple(now)
            wanted |= now

    def constant(self, number: int) -> Any:
        """The value with this number, where it is known beforehand."""
        return self._constants[number]

    def run(self, inputs: Sequence[Any], layer_of: Callable[[Layer], Layer] | None = None) -> Any:
        """The outputs, in their structure, for values of the inputs: tensors of any kind.

        Args:
            layer_of: gives the layer to call in place of each; the layers themselves when None.
        """
        values: list[Any] = [None] * self.count
        for number, tensor in self._constants.items():
            values[number] = tensor
        for number, tensor in zip(self.inputs, inputs, strict=True):
            values[number] = tensor

        def symbols() -> dict[str, Dimension]:
            seen = ((name, values[number], axis) for name, (number, axis) in self._sizes.items())
            return {name: value.dims[axis] for name, value, axis in seen if value is not None}

        for step in self.steps:
            step.run(values, symbols, layer_of)
            for number in step.drops:
                values[number] = None
        return trees.map_structure(lambda slot: values[slot.number], self.outputs)
