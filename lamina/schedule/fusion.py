"""Which anchors share a kernel.

Anchors fuse when they can run under the same outer loops: an outer iteration of the one needs nothing but the
same outer iteration of the other. `depth` says how many leading dimensions those loops are. A softmax over
rows is four anchors at depth 1: row maximum, exponentials, row sum, quotient.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from types import MappingProxyType

from lamina.base.dims import Dimension, element_count
from lamina.graph import CONSTANT, INPUT, Node
from lamina.schedule.expr import INDEX, Builder, Expr
from lamina.schedule.lowering import Index, Lowering, domain_of, is_inline, is_scalar_constant
from lamina.schedule.tasks import LEAST_WORK

MOST_MEMBERS = 24
NO_WAITS: Mapping[Node, Collection[Node]] = MappingProxyType({})


@dataclass(eq=False)
class Member:
    """An anchor in a group, with what fusion must know of it.

    Attributes:
        reads: for every node with memory that it reads, the number of leading dimensions in which it reads exactly
            its own iteration (the smallest, where it reads at several places).
        exact: nodes that it reads only at its own full index.
    """

    node: Node
    domain: tuple[Dimension, ...]
    reduced: tuple[int, ...]
    reads: dict[Node, int]
    exact: set[Node]


@dataclass(eq=False)
class Group:
    """Anchors that become one kernel. `style`: `loops`, `contract`, `whole` for an anchor whose
    parts are computed in place, `control` for a loop or branch with its results, or `special` for all other kinds.

    Attributes:
        number: of its own among the groups of a schedule.
        needs: the groups that must run before it.
    """

    members: list[Member]
    style: str
    depth: int
    number: int = 0
    needs: Needs = field(init=False)

    def __post_init__(self) -> None:
        self.needs = Needs(self)

    @property
    def nodes(self) -> list[Node]:
        return [m.node for m in self.members]

    def outer(self) -> tuple[Dimension, ...]:
        return self.members[0].domain[: self.depth]


class Needs(Set["Group"]):
    """The groups that one needs; it can only grow.

    Whether one group needs another by way of others is asked for most pairs of a large graph, so the answer is kept:
    `below` has a bit for each group that is needed in any way.
    """

    def __init__(self, owner: Group):
        self._owner = owner
        self._groups: dict[Group, None] = {}
        self._users: list[Group] = []
        self.below = 0

    def __contains__(self, group: object) -> bool:
        return group in self._groups

    def __iter__(self) -> Iterator[Group]:
        return iter(self._groups)

    def __len__(self) -> int:
        return len(self._groups)

    def update(self, groups: Iterable[Group]) -> None:
        below = 0
        for group in groups:
            if group not in self._groups:
                self._groups[group] = None
                group.needs._users.append(self._owner)
                below |= group.needs.below | 1 << group.number
        waiting = [self]
        while waiting:
            needs = waiting.pop()
            if below & ~needs.below:
                needs.below |= below
                waiting += [user.needs for user in needs._users]


def examine(node: Node, anchors: dict[Node, None]) -> Member:
    """Finds what an anchor reads, and how aligned the reading is with its own loops."""
    builder = Builder()
    domain = domain_of(node)
    variables = tuple(builder.const(0, INDEX) if d == 1 else builder.variable(d) for d in domain)
    found: dict[Node, list[Index]] = {}

    def resolve(operand: Node, index: Index) -> Expr | None:
        if operand is node or is_scalar_constant(operand):
            return None
        if operand in anchors or operand.primitive is INPUT or operand.primitive is CONSTANT:
            found.setdefault(operand, []).append(index)
            return builder.make("element", index, operand.dtype, id(operand))
        return None

    reduced: tuple[int, ...] = ()
    if node.kind == "reduce":
        reduced = tuple(node.attrs["axes"])
        Lowering(builder, resolve).value(node.inputs[0], variables)
    elif is_inline(node):
        Lowering(builder, resolve).value(node, variables)
    else:
        for operand in node.inputs:
            for leaf in _leaves(operand, anchors):
                found.setdefault(leaf, []).append(())
    reads = {n: min(_aligned(i, variables) for i in indices) for n, indices in found.items()}
    exact = {n for n, indices in found.items() if all(i == variables for i in indices)}
    return Member(node, domain, reduced, reads, exact)


def _leaves(root: Node, anchors: dict[Node, None]) -> list[Node]:
    """Nodes with memory that `root` is computed from."""
    found: dict[Node, None] = {}
    stack = [root]
    while stack:
        node = stack.pop()
        if node in anchors or node.primitive is INPUT or node.primitive is CONSTANT:
            found.setdefault(node)
        else:
            stack.extend(node.inputs)
    return list(found)


def _aligned(index: Index, variables: Index) -> int:
    count = 0
    for i, v in zip(index, variables):
        if i is not v:
            break
        count += 1
    return count


def group_anchors(
    anchors: dict[Node, None], wholes: Collection[Node] = (), awaited: Mapping[Node, Collection[Node]] = NO_WAITS
) -> list[Group]:
    """Groups anchors into kernels, in an order in which they can run.

    Args:
        wholes: anchors whose parts are computed in place, so that at most what lies around them is left to write.
        awaited: for some anchors others that come before them though they do not read them; such begin a kernel.
    """
    home: dict[Node, Group] = {}
    groups: list[Group] = []
    relations = Relations()
    for node in anchors:
        member = examine(node, anchors)
        if node.kind == "result":
            home[node] = home[node.inputs[0]]
            home[node].members.append(member)
            relations.note(member, home[node])
            continue
        needs = dict.fromkeys(home[n] for n in (*member.reads, *awaited.get(node, ())) if n in home)
        group = None if node in wholes or node in awaited else _join(member, needs, relations.of(member, needs))
        if node in wholes:
            group = Group([member], "whole", 0, len(groups))
            groups.append(group)
        elif group is None:
            style = "loops" if is_inline(node) or node.kind == "reduce" else node.kind
            depth = _depth([member]) if style == "loops" else len(member.domain)
            style = style if style in ("loops", "contract", "control") else "special"
            group = Group([member], style, depth or 0, len(groups))
            groups.append(group)
        relations.note(member, group)
        group.needs.update(other for other in needs if other is not group)
        home[node] = group
    return order_groups(groups)


class Relations:
    """Which groups a member may join: those that it needs, and those that read the same memory in the same loops, so
    that together they read it once.

    Parts of one array (the gates of a recurrent cell) count as the same memory: what is computed from them mostly meets
    again. Of a single number the loops are none, and any group of single numbers may take it.
    """

    def __init__(self) -> None:
        self._readers: dict[Node, dict[Group, None]] = {}
        self._domains: dict[tuple[Dimension, ...], set[Group]] = {}

    def note(self, member: Member, group: Group) -> None:
        """Notes that a group has a member."""
        self._domains.setdefault(member.domain, set()).add(group)
        for node in member.reads:
            self._readers.setdefault(node, {}).setdefault(group)

    def of(self, member: Member, needs: Collection[Group]) -> list[Group]:
        """The groups that are related to a member, the latest first."""
        alike = self._domains.get(member.domain, set())
        if member.domain == ():
            found = alike.union(needs)
        else:
            shared = (
                self._readers.get(n, {}) for n in member.reads if _same_or_larger(n, member) or _chooses_rows(n, member)
            )
            found = set(needs).union(*(alike.intersection(readers) for readers in shared))
        return sorted(found, key=lambda group: -group.number)


def _join(member: Member, needs: Collection[Group], related: list[Group]) -> Group | None:
    """Puts a member into the first of some groups that can take it, or says None."""
    for group in related:
        if len(group.members) >= MOST_MEMBERS:
            continue
        if any(reaches(other, group) for other in needs if other is not group):
            continue
        if group.style == "loops" and (is_inline(member.node) or member.node.kind == "reduce"):
            depth = _depth([*group.members, member])
            if depth is None or (depth == 0 and member.domain != ()) or _run_once([*group.members, member], depth):
                continue
            if depth < group.depth and group not in needs:
                continue
            group.members.append(member)
            group.depth = depth
            return group
        if group.style == "contract" and _is_epilogue(member, group):
            group.members.append(member)
            return group
    return None


def _same_or_larger(node: Node, member: Member) -> bool:
    """Whether the member's loops see each element of the node at most once."""
    if node.shape == member.domain:
        return True
    return len(node.shape) == len(member.domain) and all(
        isinstance(more := a - b, int) and more >= 0 for a, b in zip(node.shape, member.domain)
    )


def _chooses_rows(node: Node, member: Member) -> bool:
    """Whether the node has a number for each of the member's rows: where in another array its values lie."""
    return node.dtype == INDEX and node.shape == member.domain[:1] and member.reads[node] == 1


def _is_epilogue(member: Member, group: Group) -> bool:
    """Whether a contraction's tiles can be finished with this member as soon as they are computed."""
    inside = {m.node for m in group.members}
    if not is_inline(member.node) or member.domain != group.members[0].node.shape:
        return False
    return all(n in member.exact for n in member.reads if n in inside)


def _depth(members: list[Member]) -> int | None:
    """The most leading dimensions under which all the members can run together; None if they cannot.

    A fold of leading axes keeps partial results for every task; nothing in the same kernel can read it.
    """
    inside = {m.node: m for m in members}
    read_inside = {n for m in members for n in m.reads if n in inside}
    domain = members[0].domain
    most = len(domain)
    for m in members:
        most = min(most, _common_prefix(m.domain, domain))
        for producer, aligned in m.reads.items():
            if producer in inside:
                most = min(most, aligned)
    for depth in range(most, 0, -1):
        if all(_fits(m, depth, m.node in read_inside) for m in members):
            return depth
    return 0 if all(m.domain == () for m in members) else None


def _run_once(members: list[Member], depth: int) -> bool:
    """Whether the loops in common are of one step, and all that is large would be left to a single task."""
    domains = {m.domain for m in members}
    if len(domains) == 1 or any(d != 1 for d in members[0].domain[:depth]):
        return False
    counts = [element_count(domain) for domain in domains]
    return any(not isinstance(n, int) or n >= LEAST_WORK for n in counts)


def _common_prefix(a: tuple[Dimension, ...], b: tuple[Dimension, ...]) -> int:
    count = 0
    for x, y in zip(a, b):
        if x != y:
            break
        count += 1
    return count


def _fits(member: Member, depth: int, read_inside: bool) -> bool:
    if not member.reduced:
        return True
    if min(member.reduced) >= depth:
        return True
    return not read_inside and set(range(depth)) <= set(member.reduced)


def reaches(start: Group, goal: Group) -> bool:
    """Whether `start` needs `goal`, directly or not, or is it."""
    return start is goal or bool(start.needs.below >> goal.number & 1)


def order_groups(groups: Iterable[Group]) -> list[Group]:
    """Groups after those that they need, otherwise in their order."""
    result: list[Group] = []
    done: set[Group] = set()
    for root in groups:
        stack = [(root, False)]
        while stack:
            group, ready = stack.pop()
            if group in done:
                continue
            if ready:
                done.add(group)
                result.append(group)
            else:
                stack.append((group, True))
                stack.extend((g, False) for g in group.needs if g not in done)
    return result
