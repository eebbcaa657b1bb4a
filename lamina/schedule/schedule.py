"""From a graph to kernels in order, with their buffers and the barriers between them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from lamina.base.config import config
from lamina.base.errors import CompileError
from lamina.graph import CONSTANT, INPUT, Graph, Node, apply
from lamina.graph.body import bodies
from lamina.primitives import COPY
from lamina.schedule.anchors import choose_anchors
from lamina.schedule.barriers import Barriers
from lamina.schedule.borders import border_kernels
from lamina.schedule.contraction import contraction_kernels
from lamina.schedule.control import ControlItems
from lamina.schedule.expr import INDEX, Buffer, Builder
from lamina.schedule.fusion import Group, group_anchors, order_groups, reaches
from lamina.schedule.in_place import share_in_place
from lamina.schedule.lanewise import lanewise_kernels
from lamina.schedule.loops import Kernel, Statement, Store
from lamina.schedule.lowering import is_inline, is_scalar_constant
from lamina.schedule.memory import Lifetime
from lamina.schedule.nests import nest
from lamina.schedule.overwriting import can_overwrite, only_copies
from lamina.schedule.places import Places
from lamina.schedule.plain_contraction import PlainContraction
from lamina.schedule.regions import Item, Region, Slice, kernels_of, regions_of
from lamina.schedule.rows import RowKernel
from lamina.schedule.special import SpecialKernels, has_lowering
from lamina.schedule.still import checks_index, needs_no_sizes, split_still
from lamina.schedule.target import Target
from lamina.schedule.tasks import MOST_TASKS
from lamina.schedule.waiting import awaited_anchors, in_turn, without_waiting


@dataclass
class Schedule:
    """One stage of a program.

    Attributes:
        graph: what it computes.
        kernels: in order; phases: for each kernel the number of barriers before it.
        buffers: of the graph's inputs; outputs: buffers of its outputs, in order.
        aliases: buffers that are another buffer's memory (a state's new value in the place of the old).
        guard: the first kernel that changes state after kernels that check indices; if one of those found an index
            out of range, neither it nor what follows is run. None where there is nothing to guard.
        regions: the kernels in order, within the loops and branches that they stand in; None where there are none.
        kept: so many kernels at the beginning are run only where weights have changed: what they make of them (panels
            for a product) is kept from call to call.
    """

    graph: Graph
    kernels: list[Kernel]
    inputs: dict[Node, Buffer]
    outputs: list[Buffer]
    aliases: dict[Buffer, Buffer]
    phases: list[int] = field(default_factory=list)
    guard: int | None = None
    regions: list[Item] | None = None
    kept: int = 0

    @property
    def items(self) -> Sequence[Item]:
        """The kernels, and the regions that some of them stand in."""
        return self.kernels if self.regions is None else self.regions

    @functools.cached_property
    def slices(self) -> dict[Buffer, Slice]:
        """The buffers that are slices of others, in any loop."""
        return {b: s for region in regions_of(self.items) for b, s in region.slices.items()}

    def resolved(self, buffer: Buffer) -> Buffer:
        return self.aliases.get(buffer, buffer)

    def whole(self, buffer: Buffer) -> Buffer:
        """The buffer whose memory this one is, or is a slice of."""
        buffer = self.resolved(buffer)
        while buffer in self.slices:
            buffer = self.resolved(self.slices[buffer].whole)
        return buffer

    def buffers(self) -> list[Buffer]:
        """Every buffer that kernels use, aliases and slices resolved, each once."""
        found = dict.fromkeys(self.whole(b) for k in self.kernels for b in k.buffers())
        for buffer in [*self.inputs.values(), *self.outputs]:
            found.setdefault(self.resolved(buffer))
        return list(found)

    def kept_buffers(self) -> list[Buffer]:
        """What the kernels at the beginning leave for the others, which has memory of its own."""
        made = dict.fromkeys(b for k in self.kernels[: self.kept] for b in k.written() if b.role == "temporary")
        read = {self.whole(b) for k in self.kernels[self.kept :] for b in k.read()}
        return [b for b in made if b in read]

    def lifetimes(self) -> list[Lifetime]:
        """First and last phase of every temporary buffer in the arena."""
        spans: dict[Buffer, tuple[int, int]] = {}
        for kernel, phase in zip(self.kernels, self.phases):
            for buffer in kernel.buffers():
                buffer = self.whole(buffer)
                if buffer.role == "temporary":
                    spans[buffer] = (spans.get(buffer, (phase, phase))[0], phase)
        for region in regions_of(self.items):
            self._extend(region, spans)
        for buffer in self.kept_buffers():
            del spans[buffer]
        return [Lifetime(buffer, first, last) for buffer, (first, last) in spans.items()]

    def _extend(self, region: Region, spans: dict[Buffer, tuple[int, int]]) -> None:
        """What lives across the steps of a loop, or from before it to after it, lives throughout."""
        inside = {self.whole(b) for k in kernels_of(region.items) for b in k.buffers()}
        for buffer in inside:
            if buffer in spans:
                first, last = spans[buffer]
                if first < region.first or last > region.last:
                    spans[buffer] = (min(first, region.first), max(last, region.last))
        if region.flag is not None:
            flag = self.whole(region.flag)
            if flag in spans:
                end = region.last if region.kind == "while" else region.first
                spans[flag] = (min(spans[flag][0], region.first), max(spans[flag][1], end))


def schedule(
    graph: Graph,
    target: Target,
    state_buffers: Mapping[Node, Buffer] | None = None,
    steady: Collection[Node] = (),
    keep: bool = True,
    watch: Callable[[Kernel], None] | None = None,
) -> Schedule:
    """Cuts a graph into kernels.

    Args:
        target: the machine, by whose vectors contractions are tiled.
        state_buffers: buffers of inputs that other stages of the same program share.
        steady: inputs that seldom change from one call to the next: weights that are only read.
        keep: whether what is made of them alone is to be kept from call to call.
        watch: called with every kernel as soon as it is made.
    """
    return Scheduler(graph, target, state_buffers or {}, watch=watch, steady=steady).run(keep)


def _own_roots(graph: Graph) -> Graph:
    """Gives every root a node of its own that computes something, so that each has its own memory."""
    taken: set[Node] = set()
    roots: list[Node] = []
    for root in graph.roots:
        if root.primitive in (INPUT, CONSTANT) or root in taken:
            root = apply(COPY, root, source=root.source)
            while root in taken:
                root = apply(COPY, root, source=root.source)
        taken.add(root)
        roots.append(root)
    count = len(graph.outputs)
    updates = tuple((state, new) for (state, _), new in zip(graph.updates, roots[count:]))
    return Graph(graph.inputs, tuple(roots[:count]), updates, graph.name)


class Scheduler:
    """Schedules one graph: a stage of a program, or the body of a loop or branch in it.

    Args:
        known: buffers of inputs that are there already; goals: likewise of the outputs, in order.
        aliases: of the whole stage.
        prefix: for the names of kernels and buffers.
        watch: called with every kernel as soon as it is made.
        steady: inputs that seldom change from one call to the next.
    """

    def __init__(
        self,
        graph: Graph,
        target: Target,
        known: Mapping[Node, Buffer],
        goals: Sequence[Buffer] = (),
        aliases: dict[Buffer, Buffer] | None = None,
        prefix: str = "",
        watch: Callable[[Kernel], None] | None = None,
        steady: Collection[Node] = (),
    ):
        graph, self.waits = without_waiting(graph)
        self.graph = _own_roots(graph)
        self.target = target
        self.memory = Places()
        self.aliases = {} if aliases is None else aliases
        self.known, self.goals = known, goals
        self.prefix, self.watch, self.steady = prefix, watch, steady

    def inside(self, graph: Graph, known: Mapping[Node, Buffer], goals: Sequence[Buffer], prefix: str) -> Scheduler:
        """A scheduler for a body in this graph."""
        return Scheduler(graph, self.target, known, goals, self.aliases, prefix, self.watch)

    def run(self, keep: bool) -> Schedule:
        """The whole stage.

        Args:
            keep: whether what is made of weights alone is to be kept from call to call.
        """
        kept, items = self._split_kept(self.items()) if keep else ([], self.items())
        items = [*kept, *items]
        kernels, graph = kernels_of(items), self.graph
        inputs = {n: self.memory[n] for n in graph.inputs}
        outputs = [self.memory[n] for n in graph.outputs]
        result = Schedule(graph, kernels, inputs, outputs, self.aliases)
        if len(kernels) != len(items) or any(isinstance(item, Region) for item in items):
            result.regions = items
        result.guard = find_guard(result)
        barriers = Barriers(result.whole, None if result.guard is None else kernels[result.guard])
        barriers.place(kept)
        if kept:
            barriers.meet()
        barriers.place(items[len(kept) :])
        result.phases = barriers.phases
        result.kept = len(kept)
        if config.memory_planner:
            self.aliases.update(share_in_place(result))
        return result

    def _split_kept(self, items: list[Item]) -> tuple[list[Kernel], list[Item]]:
        """Splits off the kernels that make something of weights alone, whose sizes are then known."""
        weights = [self.memory[n] for n in self.graph.inputs if self.memory[n].role == "weight"]
        return split_still(items, weights, self.aliases, (), needs_no_sizes)

    def items(self) -> list[Item]:
        """The kernels in order, and regions among them."""
        graph = self.graph
        anchors, self.memory.parts = choose_anchors(graph)
        anchors, awaited = in_turn(anchors, graph, self.waits), awaited_anchors(anchors, self.waits)
        groups = group_anchors(anchors, {part.whole for part in self.memory.parts.values()}, awaited)
        self._leaf_buffers()
        self._anchor_buffers(groups)
        in_place = self._order_updates(groups)
        groups = order_groups(groups)
        items: list[Item] = []
        homes: dict[Node, list[Kernel]] = {}
        for number, group in enumerate(groups):
            name = f"{self.prefix}k{number}"
            if group.style == "control":
                items += ControlItems(self, group, name).items()
                continue
            made = self._lower(group, name)
            if self.watch is not None:
                for kernel in made:
                    self.watch(kernel)
            items += made
            homes.update(dict.fromkeys(group.nodes, made))
        for state, new in graph.updates:
            source, target = self.memory[new], self.memory[state]
            if state in in_place and new in homes and can_overwrite(homes[new], target, source):
                self.aliases[source] = self.aliases.get(target, target)
                idle = [k for k in homes[new] if only_copies(k, target, source)]
                items = [item for item in items if item not in idle]
            else:
                items.append(_copy_kernel(source, target, f"{self.prefix}copy{len(items)}"))
        return items

    def _leaf_buffers(self) -> None:
        states = {state for state, _ in self.graph.updates}
        for number, node in enumerate(self.graph.inputs):
            role = "state" if node in states else "weight" if node in self.steady else "input"
            known = self.known.get(node)
            self.memory[node] = known or Buffer(f"in{number}", node.shape, node.dtype, role)
        self.memory.update(zip(self.graph.outputs, self.goals))
        for number, node in enumerate(n for n in self.graph.nodes() if n.primitive is CONSTANT):
            if not is_scalar_constant(node):
                value = node.attrs["value"].value
                self.memory[node] = Buffer(f"{self.prefix}constant{number}", node.shape, node.dtype, "constant", value)

    def _anchor_buffers(self, groups: list[Group]) -> None:
        """Memory for anchors that another group reads, or that are roots; folds over rows always have some."""
        home = {n: g for g in groups for n in g.nodes}
        needed = set(self.graph.roots)
        for group in groups:
            for member in group.members:
                needed.update(n for n in member.reads if n in home and home[n] is not group)
            if group.style == "special":
                needed.update(group.nodes)
        for group in groups:
            for member in group.members:
                if group.style == "control":
                    if member.node.kind == "result":
                        self._new_buffer(member.node)
                    continue
                across = member.reduced and group.style == "loops" and min(member.reduced) < group.depth
                if member.node in self.memory.parts:
                    self.memory[member.node] = self._new_buffer(self.memory.home(member.node))
                elif member.node in needed or across:
                    self._new_buffer(member.node)

    def _new_buffer(self, node: Node) -> Buffer:
        """The buffer of a node, made when it is first asked for."""
        if node not in self.memory:
            role = "output" if node in self.graph.outputs else "temporary"
            self.memory[node] = Buffer(f"{self.prefix}t{len(self.memory)}", node.shape, node.dtype, role)
        return self.memory[node]

    def _order_updates(self, groups: list[Group]) -> set[Node]:
        """Lets every reader of a state run before the new value is written; says for which states that works."""
        home = {n: g for g in groups for n in g.nodes}
        in_place: set[Node] = set()
        reading: dict[Node, dict[Group, None]] = {state: {} for state, _ in self.graph.updates}
        for group in groups:
            for read in (n for m in group.members for n in m.reads if n in reading):
                reading[read][group] = None
        for state, new in self.graph.updates:
            writer = home[new]
            readers = [g for g in reading[state] if g is not writer]
            if any(reaches(reader, writer) for reader in readers):
                continue
            writer.needs.update(readers)
            in_place.add(state)
        checking = [g for g in groups if any(_may_check(n, home) for n in g.nodes)]
        for state, new in self.graph.updates:
            writer = home[new]
            if state in in_place:
                writer.needs.update(g for g in checking if g is not writer and not reaches(g, writer))
        return in_place

    def _lower(self, group: Group, name: str) -> list[Kernel]:
        if group.style == "whole":
            return border_kernels(group.members[0].node, self.memory, name)
        if group.style == "loops":
            return RowKernel(group, self.memory, name).kernels()
        if group.style == "contract":
            tiled = contraction_kernels(group, self.memory, name, self.target)
            lanewise = tiled or lanewise_kernels(group, self.memory, name)
            return lanewise or PlainContraction(group, self.memory, name).kernels()
        node = group.members[0].node
        if not has_lowering(node):
            raise CompileError(f"The primitive {node.primitive.name} cannot be compiled yet ({node.source}).")
        return SpecialKernels(group, self.memory, name).kernels()


def _copy_kernel(source: Buffer, target: Buffer, name: str) -> Kernel:
    b = Builder()
    variables = [b.variable(d) for d in source.shape]
    place = b.linear(tuple(variables), source.shape)
    store = Store(target, place, b.load(source, place))
    body: list[Statement] = [nest(b, variables, [store]) if variables else store]
    return Kernel(name, b.const(1, INDEX), b.variable(MOST_TASKS), body, label="new state")


def _may_check(node: Node, stored: Collection[Node] = ()) -> bool:
    """Whether computing an anchor may read at places that data gives, and so may find one out of range.

    Args:
        stored: nodes with memory, which are not computed again.
    """
    stack, seen = [node], {node}
    while stack:
        current = stack.pop()
        if current.kind in ("index", "scatter") and current.inputs:
            return True
        if current.kind == "control" and any(_may_check(n) for g in bodies(current).values() for n in g.nodes()):
            return True
        for operand in current.inputs:
            if operand not in seen and operand not in stored and is_inline(operand):
                seen.add(operand)
                stack.append(operand)
    return False


def find_guard(plan: Schedule) -> int | None:
    """The position of the first kernel that changes state, if kernels before it check indices."""
    states = {b for b in plan.inputs.values() if b.role == "state"}
    for position, kernel in enumerate(plan.kernels):
        if any(plan.resolved(b) in states for b in kernel.written()):
            earlier = plan.kernels[:position]
            return position if any(checks_index(k) for k in earlier) else None
    return None
