"""What is looked at: a function, a model or a graph, as the graphs of a program."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.base import dtypes
from lamina.base.dims import Dim, Shape
from lamina.base.errors import ArgumentError
from lamina.compiler import Compilation
from lamina.graph import Graph, Node
from lamina.graph.interpreter import bind_symbols
from lamina.graph.loop import BATCH, InterpretedLoop, LoopProgram
from lamina.tensor import Function, TensorSpec
from lamina.tensor.program import Program, trace_program
from lamina.tensor.signature import Signature, bind

# The size that stands for a dimension of which no example tells the size; also the rows of a step of `fit`.
EXAMPLE_SIZE = 32


class Subject:
    """A program to look at.

    Args:
        name: for headings.
        graphs: by the name of their stage.
        sizes: numbers for the symbols in their shapes, as far as known.
        streams: inputs of which a step sees its own rows; None where the program is no loop.
        steady: inputs that are variables.
    """

    def __init__(
        self,
        name: str,
        graphs: dict[str, Graph],
        sizes: Mapping[str, int],
        streams: tuple[Node, ...] | None = None,
        steady: tuple[Node, ...] = (),
    ):
        self.name = name
        self.graphs = graphs
        self._sizes = sizes
        self._streams, self._steady = streams, steady

    @functools.cached_property
    def compilation(self) -> Compilation:
        streams, steady = frozenset(self._streams or ()), frozenset(self._steady)
        return Compilation(self.graphs, streams, steady, loop=self._streams is not None)

    @functools.cached_property
    def sizes(self) -> dict[str, int]:
        """A number for every symbol of the program."""
        return {s: self._sizes.get(s, EXAMPLE_SIZE) for s in self.compilation.symbols}


def subject_of(function: str, what: Any, args: tuple[Any, ...], batch_size: int = EXAMPLE_SIZE) -> Subject:
    """What the user gave to `lamina.debug.<function>`, with its arguments."""
    if isinstance(what, (Graph, LoopProgram)):
        if args:
            raise ArgumentError(f"debug.{function}: a {type(what).__name__} has its shapes; give no example arguments.")
        return _loop("the loop", what, {}) if isinstance(what, LoopProgram) else Subject(what.name, {"main": what}, {})
    if is_model(what):
        return _model(function, what, args, batch_size)
    traced = trace_function(function, what, args)
    sizes = bind_symbols(zip(traced.shapes, traced.signature.shapes))
    return Subject(traced.name, {"main": traced.program.graph}, sizes, None, traced.program.steady)


def is_model(what: Any) -> bool:
    """Whether it has `fit` and `predict`."""
    from lamina.models.trainer import Trainer

    return isinstance(what, Trainer)


@dataclass(frozen=True)
class TracedFunction:
    """A function, traced with its example arguments.

    Attributes:
        program: its graph and variables; signature: the arguments.
        shapes: of the arguments, with open dimensions.
    """

    name: str
    program: Program
    signature: Signature
    shapes: tuple[Shape, ...]


def trace_function(function: str, what: Any, args: tuple[Any, ...]) -> TracedFunction:
    """Traces what the user gave to `lamina.debug.<function>`.

    Raises:
        ArgumentError: if it is no function, or the arguments do not fit.
    """
    if not callable(what) or isinstance(what, type):
        raise ArgumentError(
            f"debug.{function}: expected a function of tensors, a lamina.function, a model or a graph, and example "
            f"arguments after it. Received: {what!r}."
        )
    name = getattr(what, "__name__", type(what).__name__)
    code = what.python_function if isinstance(what, Function) else what
    _check_call(function, name, code, args)
    declared: dict[int, Shape] = {}
    given = []
    for position, arg in enumerate(args):
        if isinstance(arg, TensorSpec):
            shape = arg.dims(position)
            arg = np.zeros([EXAMPLE_SIZE if isinstance(d, Dim) else d for d in shape], dtypes.to_numpy(arg.dtype))
            declared[id(arg)] = shape
        given.append(arg)
    signature = Signature.of(tuple(given), {})
    if isinstance(what, Function) and what._specs is not None:
        shapes = tuple(bind(what._specs, signature, name))
    else:
        shapes = tuple(declared.get(id(a), a.shape) for a in signature.arrays)
    program = trace_program(code, signature, shapes, name, debug=False, compiled=False)
    if not program.graph.roots:
        raise ArgumentError(
            f"debug.{function}: {name} returned no tensor and assigned no variable, so there is nothing to compile. "
            "Return what it computes, and give arrays or tensors as example arguments."
        )
    return TracedFunction(name, program, signature, shapes)


def _check_call(function: str, name: str, code: Callable[..., Any], args: tuple[Any, ...]) -> None:
    try:
        parameters = inspect.signature(code, follow_wrapped=False)
    except ValueError:  # some callables written in C do not tell
        return
    try:
        parameters.bind(*args)
    except TypeError as error:
        raise ArgumentError(
            f"debug.{function}: the {len(args)} example argument(s) do not fit {name}{parameters}: {error}. Give them "
            f"after the function, as for calling it: debug.{function}({name}, x, ...)."
        ) from None


def _model(function: str, model: Any, args: tuple[Any, ...], batch_size: int) -> Subject:
    """What `fit` runs on this data, or `predict` where there are no targets."""
    from lamina.models.forms import form_of
    from lamina.models.programs import ROWS, Builder

    if not 1 <= len(args) <= 3:
        raise ArgumentError(
            f"debug.{function}: a model needs example data: x, y (and sample_weight) to see its training, x alone to "
            f"see predict. Received: {len(args)} argument(s)."
        )
    if not isinstance(batch_size, int) or batch_size < 1:
        raise ArgumentError(f"debug.{function}: batch_size must be an int of at least 1. Received: {batch_size!r}.")
    data = model._data(*args)
    # Interpreted: the programs are wanted as graphs, and are compiled here if at all.
    if len(args) == 1:
        model._build_on(data)
        program = Builder(model, None, None, True, False).prediction(form_of(data))
    else:
        data = model._ready(data)
        if model.trainable_variables and not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        builder = Builder(model, model._compiled(), model.optimizer, True, False)
        program = builder.training(form_of(data), shuffle=data.rows > 1, whole=True)
    sizes = {BATCH: min(batch_size, data.rows), ROWS: data.rows}
    loop = program.loop
    assert isinstance(loop, InterpretedLoop), "the builder was asked for the interpreter"
    return _loop(model.name, loop.program, sizes)


def _loop(name: str, program: LoopProgram, sizes: Mapping[str, int]) -> Subject:
    named = {"prologue": program.prologue, "body": program.body, "epilogue": program.epilogue}
    return Subject(name, {k: g for k, g in named.items() if g is not None}, sizes, program.streams, program.steady)
