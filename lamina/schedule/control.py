"""Loops and branches of the graph as regions: their bodies are scheduled like any graph, around buffers that are there.

A carry is kept in the memory of the loop's result and changed in place, as state is in a training step. Where all of
its values are wanted, each step reads one entry of the result and writes the next. Inputs and outputs of steps are
slices of the stacked arrays. What a body computes from constants alone (a weight in panels) is computed before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lamina.base.dims import Dimension, element_count
from lamina.graph import Graph, Node
from lamina.primitives import COND, SCAN
from lamina.schedule.expr import INDEX, Buffer, Builder
from lamina.schedule.fusion import Group
from lamina.schedule.independent import WIDE_STEP, kept_apart, row_symbol, work_of_row
from lamina.schedule.loops import Kernel, Loop, Statement, Store
from lamina.schedule.lowering import Lowering
from lamina.schedule.nests import describe, nest
from lamina.schedule.places import stack_base
from lamina.schedule.regions import Item, Region, Slice, kernels_of, regions_of
from lamina.schedule.still import split_still
from lamina.schedule.tasks import MOST_TASKS, cut, task_range
from lamina.schedule.tiling import known

if TYPE_CHECKING:
    from lamina.schedule.schedule import Scheduler


def _serves(kernel: Kernel, layer: str) -> bool:
    """Whether a kernel's label has this layer, or one within it."""
    served = [place.rpartition(" ")[2] for place in kernel.label.split(";")]
    return any(name == layer or name.startswith(f"{layer}/") for name in served)


class ControlItems:
    """The kernels and regions of one loop or branch.

    Args:
        outer: the scheduler of the graph that it stands in.
        group: the operation, then those of its results that are read.
    """

    def __init__(self, outer: Scheduler, group: Group, name: str):
        self.outer, self.name = outer, name
        self.memory = outer.memory
        self.node = group.members[0].node
        self.before: list[Item] = []
        self.found = {m.node.attrs["index"]: self.memory[m.node] for m in group.members[1:]}

    def items(self) -> list[Item]:
        make = {SCAN: self._scan, COND: self._cond}.get(self.node.primitive, self._while)
        made = make()
        scope, label = self.node.source.scope, describe([self.node])
        for kernel in kernels_of(made):
            # Equal bodies are one object, whose nodes tell the lines and layers of the first loop that had it.
            if scope and not _serves(kernel, scope):
                kernel.label = label
        return made

    def _result(self, number: int) -> Buffer:
        """The memory of a result, which has some even if nobody reads it."""
        if number not in self.found:
            shape, dtype, _ = self.node.results[number]
            self.found[number] = Buffer(f"{self.name}_result{number}", shape, dtype, "temporary")
        return self.found[number]

    def _slice(self, slices: dict[Buffer, Slice], word: str, node: Node, whole: Buffer, shift: Dimension) -> Buffer:
        buffer = Buffer(f"{self.name}_{word}{len(slices)}", node.shape, node.dtype, "slice")
        slices[buffer] = Slice(whole, shift)
        return buffer

    # Operands

    def _given(self, node: Node) -> Buffer:
        """An operand in memory: where it is, or copied there."""
        if node in self.memory and node not in self.memory.parts:
            return self.memory[node]
        buffer = Buffer(f"{self.name}_given{len(self.before)}", node.shape, node.dtype, "temporary")
        self._copy(node, buffer, 0)
        return buffer

    def _copy(self, node: Node, goal: Buffer, offset: Dimension) -> None:
        """Computes a node into a buffer, from its element `offset` on."""
        b = Builder()
        lowering = Lowering(b, lambda n, index: self.memory.read(b, n, index))
        variables = tuple(b.variable(d) for d in node.shape)
        place = b.add(b.linear(variables, node.shape), b.dim(offset))
        store = Store(goal, place, b.cast(lowering.value(node, variables), node.dtype))
        name, label = f"{self.name}_copy{len(self.before)}", describe([self.node])
        task, one = b.variable(MOST_TASKS), b.const(1, INDEX)
        if not variables:
            self.before.append(Kernel(name, one, task, [store], label=label))
            return
        count = b.dim(node.shape[0])
        tasks, size = cut(b, count, max(1, known(element_count(node.shape[1:]))))
        inner: list[Statement] = [nest(b, list(variables[1:]), [store])] if variables[1:] else [store]
        loop = Loop(variables[0], *task_range(b, task, size, count), inner, vector=len(variables) == 1)
        self.before.append(Kernel(name, tasks, task, [loop], label=label))

    def _steps_of(self, node: Node) -> tuple[Buffer, Dimension]:
        """A stacked operand in memory, and the entry that its first step sees."""
        base, shift = stack_base(node)
        there = base in self.memory and base not in self.memory.parts and node not in self.memory
        return (self.memory[base], shift) if there else (self._given(node), 0)

    # Loops and branches

    def _scan(self) -> list[Item]:
        attrs = self.node.attrs
        body, length, kept = attrs["body"], attrs["length"], attrs["kept"]
        count, steps = attrs["carries"], attrs["steps"]
        before, after = (1, 0) if attrs["reverse"] else (0, 1)
        slices: dict[Buffer, Slice] = {}
        given: dict[Node, Buffer] = {}
        goals: list[Buffer] = []
        for k, (parameter, operand) in enumerate(zip(body.inputs, self.node.inputs)):
            if k < count and not kept[k]:
                given[parameter] = self._result(k)
                self._copy(operand, self._result(k), 0)
            elif k < count:
                given[parameter] = self._slice(slices, "carry", parameter, self._result(k), before)
                goals.append(self._slice(slices, "next", parameter, self._result(k), after))
                self._copy(operand, self._result(k), before * length * element_count(operand.shape))
            elif k < count + steps:
                given[parameter] = self._slice(slices, "step", parameter, *self._steps_of(operand))
            else:
                given[parameter] = self._given(operand)
        goals += [
            self._slice(slices, "output", n, self._result(count + k), 0) for k, n in enumerate(body.outputs[count:])
        ]
        outputs = [*(n for n, keep in zip(body.outputs, kept) if keep), *body.outputs[count:]]
        updates = [(p, n) for p, n, keep in zip(body.inputs, body.outputs, kept) if not keep and n is not p]
        graph = Graph(body.inputs, tuple(outputs), tuple(updates), self.name)
        inside = self.outer.inside(graph, given, goals, f"{self.name}_").items()
        hoisted, inside = self._without_still(inside, [given[p] for p in body.inputs[count + steps :]])
        used = {self.outer.aliases.get(b, b) for k in kernels_of(inside) for b in k.buffers()}
        used |= {part.whole for region in regions_of(inside) for part in region.slices.values()}
        slices = {b: part for b, part in slices.items() if b in used}
        region = Region("scan", inside, length, attrs["reverse"], slices)
        rows = row_symbol(body)
        if rows is not None and kept_apart(inside, rows):
            region.rows, region.wide = rows, work_of_row(inside, rows) >= WIDE_STEP
        return [*self.before, *hoisted, region]

    def _while(self) -> list[Item]:
        attrs = self.node.attrs
        body, count = attrs["body"], attrs["carries"]
        given: dict[Node, Buffer] = {}
        for k, (parameter, operand) in enumerate(zip(body.inputs, self.node.inputs)):
            if k < count:
                self._copy(operand, self._result(k), 0)
            given[parameter] = self._result(k) if k < count else self._given(operand)
        flag = Buffer(f"{self.name}_flag", (), "bool", "temporary")
        test = attrs["test"]
        question = Graph(test.inputs, test.outputs, (), self.name)
        asked = self.outer.inside(question, given, [flag], f"{self.name}_test_").items()
        updates = tuple((p, n) for p, n in zip(body.inputs, body.outputs) if n is not p)
        graph = Graph(body.inputs, (), updates, self.name)
        inside = self.outer.inside(graph, given, [], f"{self.name}_").items()
        hoisted, inside = self._without_still(inside, [given[p] for p in body.inputs[count:]])
        region = Region("while", inside, attrs["most"], test=asked, flag=flag)
        return [*self.before, *hoisted, region]

    def _cond(self) -> list[Item]:
        flag = self._given(self.node.inputs[0])
        goals = [self._result(k) for k in range(len(self.node.results))]
        choices = [self._given(operand) for operand in self.node.inputs[1:]]
        regions: list[Item] = []
        for name, wanted in (("yes", True), ("no", False)):
            branch = self.node.attrs[name]
            given = dict(zip(branch.inputs, choices))
            graph = Graph(branch.inputs, branch.outputs, (), self.name)
            inside = self.outer.inside(graph, given, goals, f"{self.name}_{name}_").items()
            regions.append(Region("cond", inside, flag=flag, wanted=wanted))
        return [*self.before, *regions]

    def _without_still(self, items: Sequence[Item], constants: Sequence[Buffer]) -> tuple[Sequence[Item], list[Item]]:
        """Splits off the kernels that do the same at every step."""
        return split_still(items, constants, self.outer.aliases, set(self.found.values()))
