"""The errors that Lamina raises.

Each is also one of Python's own, so that `except ValueError` written for Keras or NumPy keeps working.
A message names what failed, where, what was expected, what came, and the likely fix.
"""

from __future__ import annotations


class LaminaError(Exception):
    """Base of every error that Lamina raises on purpose."""


class ShapeError(LaminaError, ValueError):
    """Shapes, ranks or axes that do not fit together."""


class DTypeError(LaminaError, TypeError):
    """A dtype that is unknown, or that an operation does not take."""


class ArgumentError(LaminaError, ValueError):
    """An argument outside of what is allowed."""


class UnknownArgumentError(ArgumentError, TypeError):
    """A keyword that a constructor does not have; the message tells the one that was meant, or all there are."""


class ReservedNameError(ArgumentError, AttributeError):
    """A method or an attribute of a user's class has the name of one that the class must keep."""


class DataError(LaminaError, ValueError):
    """The user's data cannot be used as given: empty, mismatched, out of range, not numeric."""


class IndexRangeError(LaminaError, IndexError):
    """An index (of `take`, an embedding, a sparse label) that lies outside of its axis.

    Attributes:
        index: the first such index, and size: that of the axis; None where they are not known.
        place: where it is among the indices.
        source: the line and layer that asked for it; None where it is not known.
    """

    source: object = None

    def __init__(self, message: str, index: int | None = None, size: int | None = None, place: tuple[int, ...] = ()):
        super().__init__(message)
        self.index, self.size, self.place = index, size, place


class NumericError(LaminaError, ArithmeticError):
    """A NaN or an infinity was found while looking for them."""


class TraceError(LaminaError, RuntimeError):
    """Python asked for the value of a tensor that has none yet, as in `if x > 0` while tracing."""


class GradientError(LaminaError, RuntimeError):
    """A gradient was asked for that is not defined or was not recorded."""


class MissingExtraError(LaminaError, ImportError):
    """An optional dependency is not installed; the message names the extra that brings it."""


class VerificationError(LaminaError, RuntimeError):
    """A graph or a kernel broke an invariant between two compiler stages: a defect in Lamina itself."""


class CompileError(LaminaError, RuntimeError):
    """The compiler could not turn a valid graph into machine code: a defect in Lamina itself."""
