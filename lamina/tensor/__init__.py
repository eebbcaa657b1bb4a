"""The low-level face: tensors, variables, gradient tapes, traced functions."""

from lamina.tensor.convert import convert
from lamina.tensor.debugging import Finding, debug_nans, find_nan
from lamina.tensor.dispatch import apply
from lamina.tensor.function import Function, function
from lamina.tensor.signature import TensorSpec
from lamina.tensor.state import eagerly
from lamina.tensor.tape import GradientTape
from lamina.tensor.tensor import Tensor, from_dlpack
from lamina.tensor.trace import Trace, current_trace
from lamina.tensor.variable import Variable

__all__ = [
    "Finding", "Function", "GradientTape", "Tensor", "TensorSpec", "Trace", "Variable", "apply", "convert",
    "current_trace", "debug_nans", "eagerly", "find_nan", "from_dlpack", "function",
]  # fmt: skip
