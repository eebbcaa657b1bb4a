"""GradientTape: records operations as they run, and differentiates them afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from lamina import graph, primitives
from lamina.base import dtypes, trees
from lamina.base.dims import is_static
from lamina.base.errors import ArgumentError, GradientError, ShapeError
from lamina.graph import Node
from lamina.graph.interpreter import evaluate_nodes
from lamina.tensor.control import mark
from lamina.tensor.convert import broadcast_to, cast, convert, reshape
from lamina.tensor.dispatch import Operand, is_symbolic, leaf_of, node_of
from lamina.tensor.recording import Recording, differentiate, total
from lamina.tensor.state import state
from lamina.tensor.tensor import Tensor
from lamina.tensor.variable import Variable


class GradientTape:
    """Records the operations on watched tensors and variables inside its block, for `gradient`.

    Tapes can be nested; what `gradient` of an inner tape computes is recorded by the outer one. Inside `function` a
    tape works too: there the whole traced program counts as recorded, but for what ran in `stop_recording`.

    Args:
        persistent: whether `gradient` may be called more than once.
        watch_accessed_variables: whether trainable variables are watched when they are read.

    Example:
        with GradientTape() as tape:
            loss = ops.mean((w * x - y) ** 2)
        dw = tape.gradient(loss, w)
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True):
        self._persistent = persistent
        self._watch_variables = watch_accessed_variables
        self._recording: Recording | None = Recording()
        self._entered = False

    def __enter__(self) -> GradientTape:
        if self._entered:
            raise ArgumentError("This GradientTape is recording already. Make a new one for a nested block.")
        self._entered = True
        state.change(tapes=(*state.tapes, self))
        return self

    def __exit__(self, *exception: object) -> None:
        self._entered = False
        state.change(tapes=tuple(tape for tape in state.tapes if tape is not self))

    def _memory(self) -> Recording:
        if self._recording is None:
            raise GradientError(
                "This GradientTape has given its gradients already. Make it with persistent=True to call it again."
            )
        return self._recording

    def watch(self, tensor: Any) -> None:
        """Makes gradients with respect to a tensor, or a nested structure of them, available."""
        for leaf in trees.flatten(tensor):
            if not isinstance(leaf, (Tensor, Variable)):
                raise ArgumentError(f"watch() takes tensors and variables. Received: {type(leaf).__name__}.")
            if not dtypes.is_float(leaf.dtype):
                raise ArgumentError(f"watch() takes floats; a tensor of dtype {leaf.dtype} has no gradient.")
            self._watch(leaf)

    def _watch(self, tensor: Operand) -> None:
        recording = self._memory()
        if state.trace is not None or tensor._array is None:
            if state.trace is not None and isinstance(tensor, Tensor) and tensor._array is not None:
                state.trace.watch(tensor)
            recording.watch(node_of(tensor))
            return
        node = leaf_of(tensor)
        recording.watch(node, tensor._array)
        if isinstance(tensor, Variable):
            recording.saw(tensor, node)
            tensor.read_by(self)

    def watches(self, tensors: Sequence[Operand]) -> bool:
        """Whether an operation on these operands is to be recorded; watches the variables among them."""
        recording = self._recording
        if recording is None:
            return False
        found = False
        for tensor in tensors:
            if self._watch_variables and type(tensor) is not Tensor and tensor.watched:  # type: ignore[union-attr]
                if not recording.depends(tensor._node):
                    self._watch(tensor)
                found = True
            elif recording.depends(tensor._node):
                found = True
        return found

    def record(self, node: Node, value: np.ndarray, operands: Sequence[tuple[Node, np.ndarray]]) -> None:
        """Keeps an operation that ran."""
        if self._recording is not None:
            self._recording.record(node, value, operands)

    def replace(self, node: Node, value: np.ndarray) -> None:
        """Keeps a copy of a variable's old value, since its memory is about to change."""
        if self._recording is not None and node in self._recording.values:
            self._recording.values[node] = value

    def saw(self, variable: Variable, node: Node) -> None:
        """Notes that a variable was read, as this node, while a program was traced."""
        if self._recording is not None:
            self._recording.saw(variable, node)
            if self._watch_variables and variable.watched:
                self._recording.watch(node)

    @contextmanager
    def stop_recording(self) -> Iterator[None]:
        """Operations in the block are not recorded; their results count as constants."""
        tapes, first = state.tapes, mark()
        state.change(tapes=tuple(tape for tape in tapes if tape is not self))
        try:
            yield
        finally:
            state.change(tapes=tapes)
            if self._recording is not None:
                self._recording.pauses.append((first, mark()))

    def reset(self) -> None:
        """Forgets everything recorded so far."""
        self._recording = Recording()

    def gradient(
        self, target: Any, sources: Any, output_gradients: Any = None, unconnected_gradients: str = "none"
    ) -> Any:
        """The gradient of (the sum of) `target` with respect to `sources`.

        Args:
            target: a tensor or a nested structure of tensors.
            sources: a tensor, variable, or nested structure of them.
            output_gradients: weights of the targets' elements, of the targets' structure and shapes; None for ones.
            unconnected_gradients: what stands for "does not depend on it": `"none"` gives None, `"zero"` zeros.

        Returns:
            Tensors in the structure of `sources`.

        Raises:
            GradientError: on a second call, unless the tape is persistent; if a target is not a float.
        """
        if unconnected_gradients not in ("none", "zero"):
            raise ArgumentError(f"unconnected_gradients must be 'none' or 'zero'. Received: {unconnected_gradients!r}.")
        recording = self._memory()
        targets = [convert(t) for t in trees.flatten(target)]
        leaves = trees.flatten(sources)
        for leaf in leaves:
            if not isinstance(leaf, (Tensor, Variable)):
                raise ArgumentError(f"gradient(): sources are tensors or variables. Received: {type(leaf).__name__}.")
        single = isinstance(target, (Tensor, Variable))
        seeds = _seeds(targets, [output_gradients] if single else output_gradients)
        symbolic = state.trace is not None or is_symbolic([*targets, *leaves])
        results = (_symbolic if symbolic else _eager)(recording, targets, leaves, seeds)
        if not self._persistent:
            self._recording = None
        if unconnected_gradients == "zero":
            results = [r if r is not None else _zeros(leaf) for r, leaf in zip(results, leaves)]
        return trees.unflatten(sources, results)

    def jacobian(self, target: Any, source: Any) -> Tensor | None:
        """The gradient of every element of `target`: of shape `target.shape + source.shape`.

        One backward pass for each element: meant for small targets, whose shape is known.
        """
        recording = self._memory()
        target = convert(target)
        if not is_static(target.dims):
            raise ShapeError(f"jacobian(): the target's shape must be known. Received: {target.shape}.")
        rows: list[Any] = []
        for place in range(target.size):
            seed = np.zeros(target.dims, dtypes.to_numpy(target.dtype))
            seed.flat[place] = 1
            self._recording = recording
            rows.append(self.gradient(target, source, Tensor.of_array(seed)))
        if not rows or rows[0] is None:
            return None
        return reshape(convert(rows), (*target.dims, *source.dims))  # type: ignore[return-value]


def _seeds(targets: list[Operand], output_gradients: Any) -> list[Operand | None]:
    for target in targets:
        if not dtypes.is_float(target.dtype):
            raise GradientError(f"gradient(): the target must be a float. Received: dtype {target.dtype}.")
    if output_gradients is None:
        return [None] * len(targets)
    by_name = isinstance(output_gradients, dict)
    given = [output_gradients[k] for k in sorted(output_gradients)] if by_name else list(output_gradients)
    if len(given) != len(targets):
        raise ArgumentError(f"output_gradients: expected {len(targets)}, one for each target. Received: {len(given)}.")
    seeds: list[Operand | None] = []
    for seed, target in zip(given, targets):
        tensor = None if seed is None else cast(convert(seed), target.dtype)
        if tensor is not None and tensor.dims != target.dims:
            raise ShapeError(f"output_gradients: expected the target's shape {target.dims}. Received: {tensor.dims}.")
        seeds.append(tensor)
    return seeds


def _zeros(like: Operand) -> Tensor:
    return broadcast_to(convert(0, like.dtype), like.dims)


def _ones(node: Node) -> Node:
    return primitives.full(node.shape, 1, node.dtype)


def _symbolic(
    recording: Recording, targets: list[Operand], sources: list[Operand], seeds: list[Operand | None]
) -> list[Tensor | None]:
    """Gradients as nodes of the program being traced."""
    wanted = [_traced_nodes(recording, source) for source in sources]
    flat = [n for nodes in wanted for n in nodes]
    if not flat:
        return [None] * len(sources)
    roots = [node_of(t) for t in targets]
    weights = [_ones(r) if s is None else node_of(s) for r, s in zip(roots, seeds)]
    results = iter(differentiate(roots, flat, weights, recording.paused))
    totals = [total([next(results) for _ in nodes]) for nodes in wanted]
    return [None if t is None else Tensor.of_node(t) for t in totals]


def _traced_nodes(recording: Recording, source: Operand) -> list[Node]:
    """The nodes that stand for a source, if it was watched or depends on something that was."""
    nodes = recording.reads(source) if isinstance(source, Variable) else [node_of(source)]
    return [n for n in nodes if recording.watched.intersection(graph.topological([n]))]


def _eager(
    recording: Recording, targets: list[Operand], sources: list[Operand], seeds: list[Operand | None]
) -> list[Tensor | None]:
    """Gradients as arrays: the gradient graph of what was recorded, evaluated on the recorded values."""
    wanted = [_recorded_nodes(recording, source) for source in sources]
    chosen = [(_recorded_nodes(recording, t), s) for t, s in zip(targets, seeds)]
    roots = [nodes[-1] for nodes, _ in chosen if nodes]
    flat = [n for nodes in wanted for n in nodes]
    if not roots or not flat:
        return [None] * len(sources)
    known = dict(recording.values)
    weights = [_weight(nodes[-1], seed, known) for nodes, seed in chosen if nodes]
    results = iter(differentiate(roots, flat, weights, lambda node: node not in recording.recorded))
    return _evaluate([total([next(results) for _ in nodes]) for nodes in wanted], known)


def _recorded_nodes(recording: Recording, tensor: Operand) -> list[Node]:
    if isinstance(tensor, Variable):
        return recording.reads(tensor)
    return [tensor._node] if tensor._node is not None and recording.depends(tensor._node) else []


def _weight(root: Node, seed: Operand | None, known: dict[Node, np.ndarray]) -> Node:
    if seed is None:
        return _ones(root)
    node = leaf_of(seed)
    known[node] = seed._array
    return node


def _evaluate(totals: list[Node | None], known: dict[Node, np.ndarray]) -> list[Tensor | None]:
    """Tensors for gradient nodes; tapes that are still recording keep the steps."""
    values = dict(known)

    def keep(node: Node, value: np.ndarray) -> None:
        values[node] = value
        for tape in state.tapes:
            tape.record(node, value, [(n, values[n]) for n in node.inputs])

    nodes = [t for t in totals if t is not None]
    arrays = iter(evaluate_nodes(nodes, known, {}, keep if state.tapes else None))
    return [None if t is None else _kept(t, next(arrays)) for t in totals]


def _kept(node: Node, array: np.ndarray) -> Tensor:
    result = Tensor.of_array(array)
    result._node = node
    return result
