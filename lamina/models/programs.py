"""Turns a model, its loss, metrics and optimizer into programs that train, evaluate and predict."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from lamina import ops, primitives
from lamina.autodiff import gradients
from lamina.base import dtypes
from lamina.base.config import floatx
from lamina.base.dims import Dim, format_shape, is_static
from lamina.base.errors import ArgumentError, ShapeError
from lamina.base.trees import flatten, map_structure
from lamina.graph import Graph, Node, input_node
from lamina.graph.loop import BATCH, LoopProgram
from lamina.models.forms import DataForm
from lamina.models.program import Program, results_of
from lamina.models.stateful import stateful_layers
from lamina.random import SeedGenerator
from lamina.tensor import Tensor, Trace

ROWS = "rows"


class Builder:
    """Builds the programs of one model.

    Args:
        model: has `__call__`, `trainable_variables`, `compute_loss`, `losses`.
        objective: loss and metrics; None for prediction alone.
        optimizer: None unless it trains.
        interpret: True for the interpreter; None for what the configuration says.
        check: whether programs look for NaN.
    """

    def __init__(self, model: Any, objective: Any, optimizer: Any, interpret: bool | None, check: bool):
        self.model = model
        self.objective = objective
        self.optimizer = optimizer
        self.options: dict[str, Any] = {"interpret": interpret, "check": check}

    def training(self, form: DataForm, shuffle: bool, whole: bool) -> Program:
        """A program that trains.

        Args:
            shuffle: whether rows are drawn in random order instead of being read one after the other.
            whole: whether it runs epochs, with metrics reset before and logged after; else single batches.
        """
        trace = Trace()
        shuffling = _Shuffling() if shuffle else None
        prologue = self._prologue(trace, shuffling) if whole else None
        with trace.stage("train"):
            feed = _shuffled(trace, form) if shuffle else _streamed(trace, form)
            self._train_step(trace, *_split(form, feed.batch))
            body = trace.finish([])
        return self._finish(trace, prologue, body, feed, shuffling, whole)

    def evaluation(self, form: DataForm, whole: bool) -> Program:
        """A program that computes loss and metrics without changing the model."""
        trace = Trace()
        prologue = self._prologue(trace, None) if whole else None
        with trace.stage("evaluate"):
            feed = _streamed(trace, form)
            x, y, weights = _split(form, feed.batch)
            y_pred = self.model(x, training=False)
            loss = self.model.compute_loss(x, y, y_pred, weights, training=False)
            self.objective.update(loss, _batch_size(), y, y_pred, weights)
            body = trace.finish([])
        return self._finish(trace, prologue, body, feed, None, whole)

    def prediction(self, form: DataForm) -> Program:
        """A program that computes the model's output for every row."""
        trace = Trace()
        with trace.stage("predict"):
            feed = _streamed(trace, form)
            y_pred = self.model(_split(form, feed.batch)[0], training=False)
            leaves = flatten(y_pred)
            if not leaves:
                raise ArgumentError(
                    f"Model {self.model.name!r}: its call gave no tensor. Received: {y_pred!r}. Did you forget to "
                    "`return` it?"
                )
            body = trace.finish(leaves)
        structure = None if leaves and y_pred is leaves[0] else y_pred
        specs = [_row_spec(node, self.model.name) for node in body.outputs]
        program = LoopProgram(body, feed.streams, steady=tuple(trace.variables()))
        return Program(trace, program, feed.nodes, output=(structure, specs), **self._options())

    def _finish(
        self,
        trace: Trace,
        prologue: Graph | None,
        body: Graph,
        feed: _Feed,
        shuffling: _Shuffling | None,
        whole: bool,
    ) -> Program:
        self.model._clear_losses()
        names: list[str] = []
        epilogue = None
        if whole:
            with trace.stage("results"):
                names, values = results_of(self.objective)
                epilogue = trace.finish([ops.cast(v, "float32") for v in values])
        program = LoopProgram(body, feed.streams, prologue, epilogue, tuple(trace.variables()))
        orders = (shuffling.order, *feed.streams) if shuffling else ()
        seeds = shuffling.seeds if shuffling else None
        return Program(trace, program, feed.nodes, orders, names, seeds=seeds, **self._options())

    def _options(self) -> dict[str, Any]:
        return {**self.options, "stateful": stateful_layers(self.model)}

    def _prologue(self, trace: Trace, shuffling: _Shuffling | None) -> Graph:
        with trace.stage("begin"):
            self.objective.reset()
            if shuffling is None:
                return trace.finish([])
            key = shuffling.seeds.next()
            graph = trace.finish([])
        shuffled = primitives.random_permutation(key.node, Dim(ROWS))
        order = shuffling.order
        return replace(graph, inputs=(*graph.inputs, order), updates=(*graph.updates, (order, shuffled)))

    def _train_step(self, trace: Trace, x: Any, y: Any, weights: Any) -> None:
        model = self.model
        y_pred = model(x, training=True)
        loss = model.compute_loss(x, y, y_pred, weights, training=True)
        variables = model.trainable_variables
        scaled = self.optimizer.scale_loss(loss)
        found = gradients([scaled.node], [trace.state_node(v) for v in variables])
        self.objective.update(loss, _batch_size(), y, y_pred, weights)
        if variables:
            self.optimizer.apply([None if g is None else Tensor.of_node(g) for g in found], variables)


class _Shuffling:
    """What shuffling adds to a program.

    Attributes:
        seeds: gives a new key for every epoch.
        order: the input that holds the order of the rows.
    """

    def __init__(self) -> None:
        self.seeds = SeedGenerator(0)
        self.order = input_node((Dim(ROWS),), "int64", "order")


class _Feed(NamedTuple):
    """How data enters a program.

    Attributes:
        nodes: inputs that take the user's arrays.
        streams: inputs of which a step sees its own rows.
        batch: the rows of a step, one tensor for each array.
    """

    nodes: tuple[Node, ...]
    streams: tuple[Node, ...]
    batch: list[Tensor]


def _streamed(trace: Trace, form: DataForm) -> _Feed:
    """Arrays of which every step sees its own rows."""
    data = _data_inputs(trace, form, Dim(BATCH))
    nodes = tuple(t.node for t in data)
    return _Feed(nodes, nodes, data)


def _shuffled(trace: Trace, form: DataForm) -> _Feed:
    """Arrays that are seen whole; a step gathers the rows whose numbers are streamed to it."""
    whole = _data_inputs(trace, form, Dim(ROWS))
    index = trace.input((Dim(BATCH),), "int64", "index").node
    batch = [Tensor.of_node(primitives.take(t.node, index, axis=0)) for t in whole]
    return _Feed(tuple(t.node for t in whole), (index,), batch)


def _data_inputs(trace: Trace, form: DataForm, rows: Dim) -> list[Tensor]:
    named = [("x", form.inputs), ("y", form.targets), ("sample_weight", form.weights)]
    return [
        trace.input((rows, *f.shape), f.dtype, f"{name}{i}" if len(part.rows) > 1 else name)
        for name, part in named
        for i, f in enumerate(part.rows)
    ]


def _split(form: DataForm, batch: list[Tensor]) -> tuple[Any, Any, Any]:
    """Inputs as the model takes them, targets, weights. Targets of type float64 become `floatx`, as inputs do."""
    x, y, weights = form.split(batch)
    return x, map_structure(_as_target, y), weights


def _as_target(y: Tensor) -> Any:
    return ops.cast(y, floatx()) if dtypes.is_float(y.dtype) and y.dtype != floatx() else y


def _batch_size() -> Any:
    """The number of rows of the step, as a float."""
    return ops.cast(Tensor.of_node(primitives.dimension(Dim(BATCH))), "float32")


def _row_spec(node: Node, model: str) -> tuple[tuple[int, ...], str]:
    """Shape and dtype of one row of an output of the body."""
    if not node.shape or node.shape[0] != Dim(BATCH) or not is_static(node.shape[1:]):
        raise ShapeError(
            f"Model {model!r}: predict() needs an output with one row for each sample, of known size. "
            f"Received an output of shape {format_shape(node.shape)}."
        )
    return node.shape[1:], node.dtype  # type: ignore[return-value]
