"""`function`: Python code that is traced once, and runs as a native program from then on."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from lamina.base.errors import ArgumentError, CompileError, VerificationError
from lamina.tensor.program import Program, trace_program
from lamina.tensor.signature import Signature, TensorSpec, bind, open_leading
from lamina.tensor.state import state

_FEW_TRACES = 12
_MOST_PROGRAMS = 256


def function(
    f: Callable[..., Any] | None = None,
    *,
    input_signature: Sequence[Any] | None = None,
    debug: bool = False,
    compile: bool = True,
) -> Any:
    """Makes a function of tensors run as one native program.

    The Python code runs once for each kind of arguments (the shapes and dtypes of tensors and arrays, the values of
    everything else), on tensors that have no value yet. When a later call differs only in leading dimensions, as with
    another size of the batch, it is traced once more with those dimensions open, and never again.

    Variables that the code reads or assigns are the program's state, updated in place. Python side effects happen only
    while tracing. Inside of another traced function, and under a recording GradientTape, the code simply runs.

    Args:
        f: the function or method; left out when used as `@function(...)` with settings.
        input_signature: a `TensorSpec` for each argument, to trace once for all calls that fit it.
        debug: run the interpreter and the compiled program side by side, and raise CompileError naming the first
            operation that differs, with the line that asked for it.
        compile: False runs the interpreter instead of native code.

    Example:
        @function
        def step(x, y):
            return ops.mean((model(x) - y) ** 2)
    """
    if f is None:
        return lambda g: function(g, input_signature=input_signature, debug=debug, compile=compile)
    if not callable(f):
        raise ArgumentError(f"function() takes a callable. Received: {type(f).__name__}.")
    return Function(f, input_signature, debug, compile)


class Function:
    """What `function` returns: callable, and a method where it stands in a class.

    Attributes:
        python_function: the code that is traced.
        traces: how often it was traced.
    """

    def __init__(self, f: Callable[..., Any], input_signature: Sequence[Any] | None, debug: bool, compile: bool):
        functools.update_wrapper(self, f)
        self.__name__: str = getattr(f, "__name__", type(f).__name__)
        self.python_function = f
        self.traces = 0
        self._settings = (input_signature, debug, compile)
        self._specs = None if input_signature is None else [TensorSpec.of(s) for s in input_signature]
        self._programs: dict[Any, Program] = {}
        self._families: dict[Any, _Family] = {}
        self._methods: weakref.WeakKeyDictionary[Any, Function] = weakref.WeakKeyDictionary()

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        bound = self._methods.get(instance)
        if bound is None:
            bound = Function(_weak_method(self.python_function, instance), *self._settings)
            self._methods[instance] = bound
        return bound

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if state.trace is not None or state.tapes:
            return self.python_function(*args, **kwargs)
        signature = Signature.of(args, kwargs)
        program = self._programs.get(signature.key)
        if program is None:
            program = self._program_for(signature)
        return program(signature.arrays)

    def _program_for(self, signature: Signature) -> Program:
        if self._specs is not None:
            key: Any = "input_signature"
            program = self._programs.get(key)
            shapes = bind(self._specs, signature, self.__name__)
            if program is None:
                program = self._programs[key] = self._trace(signature, shapes)
            return program
        family = self._families.get(signature.family)
        if family is None:
            self._families[signature.family] = _Family(signature.shapes)
            program = self._trace(signature, signature.shapes)
        else:
            program = self._open_program(family, signature) or self._trace(signature, signature.shapes)
        if len(self._programs) >= _MOST_PROGRAMS:
            self._programs.pop(next(iter(self._programs)))
        self._programs[signature.key] = program
        return program

    def _open_program(self, family: _Family, signature: Signature) -> Program | None:
        """A program with open leading dimensions that these arguments fit, traced now if that was not tried yet."""
        shapes = open_leading(family.first, signature.shapes)
        for known, program in family.open:
            if signature.fits(known):
                return program
        if shapes is None or shapes in family.failed:
            return None
        try:
            program = self._trace(signature, shapes)
        except (CompileError, VerificationError):
            raise
        except Exception:
            family.failed.add(shapes)  # the code needs the number; each size gets a program of its own
            return None
        family.open.append((shapes, program))
        return program

    def _trace(self, signature: Signature, shapes: tuple[Any, ...]) -> Program:
        _, debug, compile_ = self._settings
        program = trace_program(self.python_function, signature, shapes, self.__name__, debug, compile_)
        self.traces += 1
        if self.traces == _FEW_TRACES:
            self._warn()
        return program

    def _warn(self) -> None:
        import warnings

        warnings.warn(
            f"{self.__name__} was traced {self.traces} times. Each Python number, string or new shape among its "
            "arguments is traced anew: pass numbers as tensors or arrays, and keep shapes equal but for the first "
            "dimension.",
            stacklevel=5,
        )


class _Family:
    """Calls that differ only in leading dimensions.

    Attributes:
        first: the shapes of the first call.
        open: shapes with open leading dimensions, and their programs.
        failed: such shapes that could not be traced.
    """

    def __init__(self, first: tuple[Any, ...]):
        self.first = first
        self.open: list[tuple[tuple[Any, ...], Program]] = []
        self.failed: set[tuple[Any, ...]] = set()


def _weak_method(f: Callable[..., Any], instance: Any) -> Callable[..., Any]:
    """A bound method that does not keep its object alive."""
    reference = weakref.ref(instance)

    @functools.wraps(f)
    def method(*args: Any, **kwargs: Any) -> Any:
        return f(reference(), *args, **kwargs)

    return method
