"""The graph behind symbolic tensors: what lies between inputs and outputs, and in which order layers are listed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from lamina.base.errors import ArgumentError
from lamina.graph import INPUT, Node
from lamina.layers import InputLayer, Layer
from lamina.layers.symbolic import Call, KerasTensor, origin
from lamina.objects import snake_case
from lamina.tensor import Tensor


def parents(node: Node) -> Sequence[Node]:
    """The nodes from which a node is made directly: by a layer or by an operation."""
    made = origin(node)
    return node.inputs if made is None else [t.node for t in made[0].inputs]


def nodes_between(model: str, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> list[Node]:
    """All nodes that lead from the inputs to the outputs, each after those from which it is made.

    Args:
        model: how messages call the model.

    Raises:
        ArgumentError: if an output needs something that is not among the inputs; names the tensor and the layers.
    """
    found: dict[Node, Node | None] = {t.node: None for t in outputs}
    given = {t.node for t in inputs}
    waiting = list(found)
    while waiting:
        node = waiting.pop()
        if node in given:
            continue
        made = origin(node)
        if node.primitive is INPUT and (made is None or isinstance(made[0].layer, InputLayer)):
            raise ArgumentError(_disconnected(model, node, found, inputs))
        for parent in parents(node):
            if parent not in found:
                found[parent] = node
                waiting.append(parent)
    return sorted(found, key=lambda n: n.serial)


def _disconnected(model: str, node: Node, users: Mapping[Node, Node | None], inputs: Sequence[Tensor]) -> str:
    """What to say of a node that is needed and not given: the way from it to the output."""
    way: list[str] = []
    user = users[node]
    while user is not None:
        way.append(describe(user))
        user = users[user]
    shape = tuple(d if isinstance(d, int) else None for d in node.shape)
    listed = ", ".join(repr(getattr(t, "name", "tensor")) for t in inputs)
    steps = " -> ".join(dict.fromkeys(way)) or "which is an output itself"
    return (
        f"{model}: the graph is disconnected. The output needs the input {node.attrs['name']!r} of shape {shape} "
        f"(through {steps}), but the inputs of the model are: {listed}. Add {node.attrs['name']!r} to the inputs, or "
        "make the output from the given ones alone."
    )


def describe(node: Node) -> str:
    """The layer or operation that made a node, for people."""
    made = origin(node)
    return f"operation {node.primitive.name!r}" if made is None else f"layer {made[0].layer.name!r}"


class Unit:
    """A line of a model's summary: a layer with all its calls, or the operations between two layers.

    Attributes:
        layer: None for operations.
        name: of the layer, or made up of the last operation.
        kind: the layer's class, or the operation's name in the same style.
        shapes: of the outputs of the first call.
        sources: what its calls take: the units, and which call and which output of each.
    """

    def __init__(self, layer: Layer | None, name: str, kind: str):
        self.layer = layer
        self.name = name
        self.kind = kind
        self.shapes: Any = None
        self.sources: list[tuple[Unit, int, int]] = []


class Topology:
    """The units of a functional model, in the order in which Keras lists them.

    A layer stands before those that need it: farthest from the outputs first, and among equally far ones the first
    that is met on the way back from the outputs.

    Args:
        inputs: the node that stands for each input in the graph, and the call of the input layer that gives it.
        outputs: the nodes that are wanted.
        nodes: all nodes between, as `nodes_between` gives them.
    """

    def __init__(self, inputs: Mapping[Node, Call], outputs: Sequence[Node], nodes: Sequence[Node]):
        self._inputs = inputs
        called = [n for node in nodes if origin(node) is not None and node not in inputs for n in parents(node)]
        self._ends = {*outputs, *called}
        order, met = self._walk(outputs)
        keys = self._by_distance(order, met)
        self.units = self._units(keys, order)
        self.output_names = [self._names[_owner(self._key(node))] for node in outputs]

    def _key(self, node: Node) -> Any:
        """The call or the operation that stands for a node."""
        if node in self._inputs:
            return self._inputs[node]
        made = origin(node)
        return node if made is None else made[0]

    def _before(self, key: Any) -> list[Node]:
        """The ends on which a call or an operation builds."""
        if isinstance(key, Call):
            return [] if isinstance(key.layer, InputLayer) else [n for t in key.inputs for n in self._visible(t.node)]
        return [n for parent in key.inputs for n in self._visible(parent)]

    def _visible(self, node: Node) -> list[Node]:
        """The node, or where it is only a step within operations, the ends behind it."""
        found: dict[Node, None] = {}
        waiting = [node]
        while waiting:
            node = waiting.pop()
            if node in self._inputs or origin(node) is not None or node in self._ends:
                if node in self._inputs or origin(node) is not None or node.inputs:
                    found[node] = None
            else:
                waiting.extend(reversed(node.inputs))
        return list(found)

    def _walk(self, outputs: Sequence[Node]) -> tuple[list[Any], dict[Any, int]]:
        """Calls and operations, each after what it builds on; and when each layer or operation was met first."""
        order: list[Any] = []
        met: dict[Any, int] = {}
        done: set[Any] = set()
        for output in outputs:
            waiting: list[tuple[Any, bool]] = [(self._key(output), False)]
            while waiting:
                key, ready = waiting.pop()
                if ready:
                    order.append(key)
                elif key not in done:
                    done.add(key)
                    met.setdefault(_owner(key), len(met))
                    waiting.append((key, True))
                    waiting.extend((self._key(n), False) for n in reversed(self._before(key)))
        return order, met

    def _by_distance(self, order: list[Any], met: dict[Any, int]) -> list[Any]:
        """The owners (layers, operations), farthest from the outputs first."""
        distances: dict[Any, int] = {}
        farthest: dict[Any, int] = {}
        for key in reversed(order):
            owner = _owner(key)
            distance = max(distances.get(key, 0), farthest.get(owner, 0))
            distances[key] = farthest[owner] = distance
            for node in self._before(key):
                before = self._key(node)
                distances[before] = max(distance + 1, distances.get(before, 0))
        for call in self._inputs.values():  # inputs that no output needs
            if call.layer not in farthest:
                farthest[call.layer], met[call.layer] = 0, -1
                order.append(call)
        return sorted(farthest, key=lambda owner: (-farthest[owner], met[owner]))

    def _units(self, owners: list[Any], order: list[Any]) -> list[Unit]:
        taken = {owner.name for owner in owners if not isinstance(owner, Node)}
        units: dict[Any, Unit] = {}
        for owner in owners:
            if isinstance(owner, Node):
                kind = "".join(word.title() for word in owner.primitive.name.split("_"))
                name = free_name(snake_case(kind), taken)
                units[owner] = Unit(None, name, kind)
            else:
                units[owner] = Unit(owner, owner.name, type(owner).__name__)
        self._names = {owner: unit.name for owner, unit in units.items()}
        numbers: Counter[Any] = Counter()
        places: dict[Any, int] = {}
        for key in sorted(order, key=_serial):
            owner = _owner(key)
            places[key] = numbers[owner]
            numbers[owner] += 1
            unit = units[owner]
            if unit.shapes is None:
                unit.shapes = _shapes(key)
            for node in self._before(key):
                made = origin(node)
                before = self._key(node)
                index = made[1] if made is not None and node not in self._inputs else 0
                unit.sources.append((units[_owner(before)], places[before], index))
        return list(units.values())

    @property
    def sequential(self) -> bool:
        """Whether the units form a chain, so that the order tells what each one takes."""
        return all(
            [(source, call) for source, call, _ in unit.sources] == ([(before, 0)] if before else [])
            for before, unit in zip([None, *self.units], self.units)
        )


def free_name(name: str, taken: set[str]) -> str:
    """The name, numbered if it is taken; it is taken from now on."""
    found, number = name, 0
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    taken.add(found)
    return found


def _owner(key: Any) -> Any:
    return key.layer if isinstance(key, Call) else key


def _serial(key: Any) -> int:
    if isinstance(key, Call):
        return min(t.node.serial for t in _tensors(key))
    return key.serial


def _tensors(call: Call) -> list[KerasTensor]:
    from lamina.base.trees import flatten

    return [t for t in flatten(call.outputs) if isinstance(t, KerasTensor)]


def _shapes(key: Any) -> Any:
    if isinstance(key, Call):
        shapes = [t.shape for t in _tensors(key)]
        return shapes[0] if len(shapes) == 1 else shapes
    return Tensor.of_node(key).shape
