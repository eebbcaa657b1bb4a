"""`ops.numpy`: the functions that NumPy has too, with its names and meaning."""

from lamina.ops.creation import *  # noqa: F403
from lamina.ops.creation import __all__ as _creation
from lamina.ops.elementwise import *  # noqa: F403
from lamina.ops.elementwise import __all__ as _elementwise
from lamina.ops.indexing import diag, diagflat, diagonal, get_item, take, take_along_axis, trace, tril, triu
from lamina.ops.logic import *  # noqa: F403
from lamina.ops.logic import __all__ as _logic
from lamina.ops.products import cross, dot, einsum, inner, kron, matmul, outer, tensordot, vdot
from lamina.ops.reduction import *  # noqa: F403
from lamina.ops.reduction import __all__ as _reduction
from lamina.ops.shaping import *  # noqa: F403
from lamina.ops.shaping import __all__ as _shaping
from lamina.ops.statistics import *  # noqa: F403
from lamina.ops.statistics import __all__ as _statistics
from lamina.ops.transcendental import *  # noqa: F403
from lamina.ops.transcendental import __all__ as _transcendental

__all__ = [
    *_creation, *_elementwise, *_logic, *_reduction, *_shaping, *_statistics, *_transcendental, "cross", "diag",
    "diagflat", "diagonal", "dot", "einsum", "get_item", "inner", "kron", "matmul", "outer", "take",
    "take_along_axis", "tensordot", "trace", "tril", "triu", "vdot",
]  # fmt: skip
