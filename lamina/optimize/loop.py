"""One scan on its way to a better one: the rules of `lamina.optimize.loops`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lamina import primitives as p
from lamina.base.dims import Dim, Dimension, element_count
from lamina.graph import CONSTANT, Graph, Node, apply, body_graph, input_node, substitute, topological
from lamina.optimize.simplify import scalar_value
from lamina.optimize.stepwise import Stacked, can_stack, contract_steps, stepwise

# Views of a constant are taken in the body, so that only what they show needs memory.
_VIEWS = (p.RESHAPE, p.TRANSPOSE, p.BROADCAST, p.SLICE)
# What is moved out of a loop may ask for so many times the memory of its result.
_MOST_GROWTH = 16
# Elements of a weight that stays in the nearest caches while a loop uses it at every step.
_NEAR_ELEMENTS = 1 << 15
# A guess for open dimensions, used only to compare sizes.
_TYPICAL_EXTENT = 64


class Loop:
    """A scan, as carries, step inputs and constants by the parameters of its body.

    Args:
        node: the scan; operands, body: what it has now; used: the results that are read.
        trained: whether it is one of two loops that go through the same steps forwards and backwards.

    Attributes:
        initial: for each carry what it begins with; inputs: the stacked step inputs; constants: the rest.
        after: the carries after a step; outputs: of a step, by the number of the result.
        stacked: values of the body that the loop gives for every step.
        finals: the last values of carries that are found outside, by the number of the result.
    """

    def __init__(self, node: Node, operands: Sequence[Node], body: Graph, used: set[int], trained: bool = False):
        attrs = node.attrs
        count, steps = attrs["carries"], attrs["steps"]
        self.length: Dimension = attrs["length"]
        self.reverse: bool = attrs["reverse"]
        self.recompute: bool = attrs["recompute"]
        self.count = count
        self.carries = body.inputs[:count]
        self.initial = dict(zip(self.carries, operands[:count]))
        self.inputs = dict(zip(body.inputs[count : count + steps], operands[count : count + steps]))
        self.constants = dict(zip(body.inputs[count + steps :], operands[count + steps :]))
        self.after = dict(zip(self.carries, body.outputs[:count]))
        self.used = used
        self.trained = trained
        self.outputs = {count + k: n for k, n in enumerate(body.outputs[count:]) if count + k in used}
        self.stacked: dict[Node, None] = {}
        self.sums: dict[Node, Node] = {}

    def results(self) -> dict[int, Node]:
        """The results that are used."""
        self._take_in_views()
        if self.recompute:  # what is done for all steps at once is in memory for all steps at once
            self.stacked.update(dict.fromkeys(self.outputs.values()))
        else:
            self._hoist()
            self._find_sums()
            self._sink()
        return self._built()

    def _replace(self, replacements: dict[Node, Node]) -> None:
        """Puts other nodes in the place of some in the body."""
        roots = [*self.after.values(), *self.outputs.values()]
        mapping = substitute(roots, replacements)
        self.after = {c: mapping[n] for c, n in self.after.items()}
        self.outputs = {k: mapping[n] for k, n in self.outputs.items()}

    def _roots(self) -> list[Node]:
        return [*self.after.values(), *self.outputs.values()]

    # Constants

    def _take_in_views(self) -> None:
        """Constants known when compiling, and views of constants, become part of the body."""
        waiting = list(self.constants)
        while waiting:
            parameter = waiting.pop()
            operand = self.constants[parameter]
            if operand.primitive is CONSTANT:
                del self.constants[parameter]
                self._replace({parameter: operand})
            elif operand.primitive in _VIEWS:
                del self.constants[parameter]
                base = operand.inputs[0]
                known = next((q for q, n in self.constants.items() if n is base), None)
                inner = known or input_node(base.shape, base.dtype, "base")
                if known is None:
                    self.constants[inner] = base
                    waiting.append(inner)
                self._replace({parameter: apply(operand.primitive, inner, source=operand.source, **operand.attrs)})

    # Before the loop

    def _hoist(self) -> None:
        """Products that depend on step inputs alone become step inputs themselves."""
        order = topological(self._roots())
        moving = _dependent(order, self.carries)
        heavy = _with_products(order, moving)
        chosen: dict[Node, None] = {}
        stack = [n for node in order if node in moving for n in node.inputs if n not in moving]
        stack += [n for n in self.outputs.values() if n not in moving]
        while stack:
            node = stack.pop()
            if node not in heavy or node in chosen:
                continue
            movable = self._stackable(node, set()) and self._grows_little([node], self._cone(node, set()))
            if movable and not self._stays(node, set()):
                chosen[node] = None
            else:
                stack.extend(node.inputs)
        replaced: dict[Node, Node] = {}
        for node in chosen:
            value, stacked = self._outside(node, {})
            place = input_node(node.shape, node.dtype, "hoisted")
            (self.inputs if stacked else self.constants)[place] = value
            replaced[node] = place
        if replaced:
            self._replace(replaced)

    # After the loop

    def _find_sums(self) -> None:
        """Carries that only add up what every step gives are sums over the steps of what is stacked."""
        users: dict[Node, list[Node]] = {}
        for node in topological(self._roots()):
            for operand in node.inputs:
                users.setdefault(operand, []).append(node)
        parts: dict[Node, Node] = {}
        for k, carry in enumerate(self.carries):
            new = self.after[carry]
            elsewhere = [n for c, n in self.after.items() if c is not carry] + list(self.outputs.values())
            if k not in self.used or new.primitive is not p.ADD or users.get(carry) != [new]:
                continue
            if not (users.get(new) or new in elsewhere or carry in elsewhere or new.inputs[0] is new.inputs[1]):
                parts[carry] = new.inputs[1] if new.inputs[0] is carry else new.inputs[0]
        for carry, part in parts.items():
            leaves = self._summable(part)
            if leaves is not None:
                self.sums[carry] = part
                self.stacked.update(dict.fromkeys(leaves))
        # What is there before the loop need not be added up step by step either.
        self.sums.update((c, n) for c, n in parts.items() if n in self.inputs)
        for carry in self.sums:
            del self.after[carry]

    def _summable(self, node: Node) -> list[Node] | None:
        """The values that must be stacked so that a sum over the steps can be found outside, None if it cannot."""
        if node.primitive is p.CONTRACT:
            if not all(self._varies(n) for n in node.inputs):
                return None
            return [n for n in node.inputs if n not in self.inputs]
        if node.primitive is p.REDUCE_SUM:
            return [n for n in node.inputs if n not in self.inputs] if self._varies(node.inputs[0]) else None
        if node.primitive in (p.RESHAPE, p.TRANSPOSE, p.ADD) or (node.primitive is p.PAD and node.attrs["value"] == 0):
            found = [self._summable(n) for n in node.inputs]
            return None if any(f is None for f in found) else [n for f in found if f for n in f]
        return None

    def _varies(self, node: Node) -> bool:
        return node in _dependent(topological([node]), [*self.carries, *self.inputs])

    def _sink(self) -> None:
        """Products that go into outputs alone are made after the loop, of what goes into them."""
        inside = set(topological(self.after.values()))
        order = topological(self.outputs.values())
        heavy = _with_products(order, inside)
        for node in self.outputs.values():
            leaves = self._cone(node, inside | set(self.stacked))
            movable = node in heavy and self._stackable(node, inside) and self._grows_little([node], leaves)
            if movable and not self._stays(node, inside | set(self.stacked)):
                self.stacked.update(dict.fromkeys(n for n in leaves if not self._given(n)))
            else:
                self.stacked[node] = None

    # What the rules share

    def _given(self, node: Node) -> bool:
        """Whether a value is there without the loop."""
        return node in self.inputs or node in self.constants or (not node.inputs and node not in self.carries)

    def _cone(self, root: Node, leaves: set[Node]) -> list[Node]:
        """The nodes from which the root is computed outside: given ones, and those among `leaves`."""
        found: dict[Node, None] = {}
        stack = [root]
        while stack:
            node = stack.pop()
            if node in leaves or self._given(node) or node in self.carries:
                found[node] = None
            else:
                stack.extend(node.inputs)
        return list(found)

    def _stackable(self, root: Node, leaves: set[Node]) -> bool:
        """Whether all operations between the root and its leaves are known for all steps at once."""
        stack, seen = [root], set()
        while stack:
            node = stack.pop()
            if node in seen or node in leaves or self._given(node) or node in self.carries:
                continue
            seen.add(node)
            if not can_stack(node):
                return False
            stack.extend(node.inputs)
        return True

    def _stays(self, root: Node, leaves: set[Node]) -> bool:
        """Whether a value is as well computed step by step: from weights that stay near all the time.

        What goes into it and comes out of it is then near as well, and need not go through memory. It takes a batch of
        some size, as there is in training.
        """
        if not self.trained:
            return False
        stop = leaves | set(self.inputs) | set(self.constants) | set(self.carries)
        products = [n for n in topological([root], stop) if n.primitive is p.CONTRACT]
        weights = [next((n for n in product.inputs if not self._varies(n)), None) for product in products]
        return all(w is not None and _size(w) <= _NEAR_ELEMENTS for w in weights)

    def _grows_little(self, made: Iterable[Node], leaves: Iterable[Node]) -> bool:
        new = sum(_size(n) for n in leaves if not self._given(n))
        return new <= _MOST_GROWTH * sum(map(_size, made))

    def _outside(self, root: Node, stacks: dict[Node, Node]) -> Stacked:
        """A value of the body for all steps, given the stacks of some."""
        known: dict[Node, Stacked] = {n: (s, True) for n, s in stacks.items()}
        known |= {n: (s, True) for n, s in self.inputs.items()}
        known |= {n: (s, False) for n, s in self.constants.items()}
        for node in topological([root], known):
            known[node] = stepwise(node, [known[n] for n in node.inputs], self.length)
        return known[root]

    def _sum(self, node: Node, stacks: dict[Node, Node]) -> Node:
        """The sum over all steps of a value that is `_summable`."""
        if node in stacks or node in self.inputs:
            return p.reduce_sum(self._outside(node, stacks)[0], (0,))
        if node.primitive is p.CONTRACT:
            return contract_steps(node, [self._outside(n, stacks) for n in node.inputs], summed=True)
        if node.primitive is p.REDUCE_SUM:
            return p.reduce_sum(self._outside(node.inputs[0], stacks)[0], (0, *(a + 1 for a in node.attrs["axes"])))
        return apply(node.primitive, *(self._sum(n, stacks) for n in node.inputs), **node.attrs)

    # The new loop

    def _built(self) -> dict[int, Node]:
        carries, kept = self._alive()
        # A carry's own values at every step are in the array that keeps them.
        own = {n for c in kept for n in (c, self.after[c])}
        stacked = [n for n in self.stacked if n not in own]
        roots = [*(self.after[c] for c in carries), *stacked]
        read = set(topological(roots))
        inputs = [n for n in self.inputs if n in read]
        constants = [n for n in self.constants if n in read]
        body = body_graph([*carries, *inputs, *constants], roots)
        found = p.scan(
            body, [self.initial[c] for c in carries], [self.inputs[n] for n in inputs],
            [self.constants[n] for n in constants], self.length, self.reverse, [c in kept for c in carries],
            self.recompute,
        ) if roots else []  # fmt: skip
        last = dict(zip(carries, found))
        stacks = dict(zip(stacked, found[len(carries) :]))
        for carry in kept:
            states, size = last[carry], self.length
            early, late = _part(states, 0, size), _part(states, 1, size + 1)
            stacks[carry], stacks[self.after[carry]] = (late, early) if self.reverse else (early, late)
            end = _part(states, 0, 1) if self.reverse else _part(states, size, size + 1)
            last[carry] = p.reshape(end, states.shape[1:])
        results = {k: self._spread(n, stacks) for k, n in self.outputs.items()}
        for k, carry in enumerate(self.carries):
            if k in self.used and carry in self.sums:
                total = self._sum(self.sums[carry], stacks)
                empty = scalar_value(self.initial[carry]) == 0
                results[k] = total if empty else p.add(self.initial[carry], total)
            elif k in self.used:
                results[k] = last[carry]
        return results

    def _spread(self, node: Node, stacks: dict[Node, Node]) -> Node:
        value, stacked = self._outside(node, stacks)
        return value if stacked else p.broadcast(value, (self.length, *node.shape))

    def _alive(self) -> tuple[list[Node], list[Node]]:
        """The carries that matter, and those whose values are wanted at every step."""
        wanted = {c for k, c in enumerate(self.carries) if k in self.used and c in self.after}
        kept = [c for c, n in self.after.items() if c in self.stacked or n in self.stacked]
        wanted |= set(kept)
        while True:
            roots = [*(self.after[c] for c in self.carries if c in wanted), *self.stacked]
            more = {n for n in topological(roots) if n in self.after} - wanted
            if not more:
                return [c for c in self.carries if c in wanted], kept
            wanted |= more


def _part(stack: Node, begin: Dimension, end: Dimension) -> Node:
    """Entries of a stack."""
    rest = stack.shape[1:]
    return p.slice(stack, (begin, *(0 for _ in rest)), (end, *rest))


def _dependent(order: Sequence[Node], sources: Iterable[Node]) -> set[Node]:
    """Nodes that depend on any of these, and these."""
    found = set(sources)
    for node in order:
        if any(n in found for n in node.inputs):
            found.add(node)
    return found


def _with_products(order: Sequence[Node], without: set[Node]) -> set[Node]:
    """Nodes for which a contraction has to be done that is not among those `without`."""
    found: set[Node] = set()
    for node in order:
        if node not in without and (node.primitive is p.CONTRACT or any(n in found for n in node.inputs)):
            found.add(node)
    return found


def _size(node: Node) -> int:
    count = element_count(node.shape)
    if isinstance(count, Dim):
        return count.constant + sum(c * _TYPICAL_EXTENT ** (1 + s.count("*")) for s, c in count.terms)
    return count
