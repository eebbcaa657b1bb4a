"""The primitive operations, one family a file, each declared once: a record in capitals and a function of nodes.

Every record but those of loops and branches, which give several arrays, is in `REGISTRY` by its name. In `lower` of
movement, index and random primitives a reader stands for an operand: `reader(index)` gives the element, and
`reader.shape` the operand's shape.
"""

from lamina.graph import Primitive
from lamina.graph.body import RESULT
from lamina.primitives import (
    arithmetic,
    bits,
    contraction,
    conversion,
    cumulative,
    curves,
    cutting,
    indexing,
    logic,
    movement,
    pooling,
    random,
    rectifier,
    reduction,
    scatter,
    standardizing,
    transcendental,
    updating,
    used_rows,
    waiting,
)
from lamina.primitives import convolution as convolutions
from lamina.primitives import windows as sliding
from lamina.primitives.arithmetic import (
    ABSOLUTE,
    ADD,
    CEIL,
    DIVIDE,
    FLOOR,
    FLOOR_DIVIDE,
    MAXIMUM,
    MINIMUM,
    MULTIPLY,
    NEGATE,
    REMAINDER,
    ROUND,
    SIGN,
    STOP_GRADIENT,
    SUBTRACT,
    absolute,
    add,
    ceil,
    divide,
    floor,
    floor_divide,
    maximum,
    minimum,
    multiply,
    negate,
    remainder,
    round,
    sign,
    stop_gradient,
    subtract,
)
from lamina.primitives.bits import (
    BIT_AND,
    BIT_NOT,
    BIT_OR,
    BIT_XOR,
    SHIFT_LEFT,
    SHIFT_RIGHT,
    bit_and,
    bit_not,
    bit_or,
    bit_xor,
    shift_left,
    shift_right,
)
from lamina.primitives.contraction import CONTRACT, contract
from lamina.primitives.control import CALL, COND, SCAN, WHILE, call, cond, scan, while_loop
from lamina.primitives.conversion import BITCAST, CAST, COPY, bitcast, cast, copy
from lamina.primitives.convolution import (
    CONVOLUTION,
    CONVOLUTION_INPUT_GRADIENT,
    CONVOLUTION_KERNEL_GRADIENT,
    convolution,
    convolution_input_gradient,
    convolution_kernel_gradient,
)
from lamina.primitives.cumulative import CUMULATIVE_SUM, cumulative_sum
from lamina.primitives.curves import (
    GELU,
    GELU_SLOPE,
    GELU_TANH,
    GELU_TANH_SLOPE,
    SILU,
    SILU_SLOPE,
    SOFTPLUS,
    gelu,
    gelu_tanh,
    silu,
    softplus,
)
from lamina.primitives.cutting import (
    CONCATENATE,
    PAD,
    SLICE,
    concatenate,
    pad,
    slice,
)
from lamina.primitives.indexing import (
    DIMENSION,
    IOTA,
    ONE_HOT,
    TAKE,
    TAKE_ALONG_AXIS,
    dimension,
    iota,
    one_hot,
    take,
    take_along_axis,
)
from lamina.primitives.logic import (
    EQUAL,
    GREATER,
    GREATER_EQUAL,
    IS_FINITE,
    IS_NAN,
    LESS,
    LESS_EQUAL,
    LOGICAL_AND,
    LOGICAL_NOT,
    LOGICAL_OR,
    LOGICAL_XOR,
    NOT_EQUAL,
    SELECT,
    equal,
    greater,
    greater_equal,
    is_finite,
    is_nan,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    not_equal,
    select,
)
from lamina.primitives.movement import (
    BROADCAST,
    RESHAPE,
    REVERSE,
    TRANSPOSE,
    broadcast,
    broadcast_in_dim,
    full,
    full_like,
    ones_like,
    reshape,
    reverse,
    transpose,
    zeros_like,
)
from lamina.primitives.pooling import WINDOW_MAX, WINDOW_SUM, window_max, window_sum
from lamina.primitives.random import RANDOM_BITS, RANDOM_PERMUTATION, random_bits, random_permutation
from lamina.primitives.rectifier import RELU, relu
from lamina.primitives.reduction import (
    ARGMAX,
    ARGMIN,
    REDUCE_ALL,
    REDUCE_ANY,
    REDUCE_MAX,
    REDUCE_MIN,
    REDUCE_PROD,
    REDUCE_SUM,
    argmax,
    argmin,
    reduce_all,
    reduce_any,
    reduce_max,
    reduce_min,
    reduce_prod,
    reduce_sum,
)
from lamina.primitives.scatter import SCATTER_ADD, SCATTER_ADD_ALONG_AXIS, scatter_add, scatter_add_along_axis
from lamina.primitives.standardizing import STANDARDIZE, standardize
from lamina.primitives.transcendental import (
    ARCTAN2,
    COS,
    ERF,
    EXP,
    EXPM1,
    LOG,
    LOG1P,
    POWER,
    RSQRT,
    SIGMOID,
    SIN,
    SQRT,
    TANH,
    arctan2,
    cos,
    erf,
    exp,
    expm1,
    log,
    log1p,
    power,
    rsqrt,
    sigmoid,
    sin,
    sqrt,
    tanh,
)
from lamina.primitives.updating import UPDATE_SLICE, update_slice
from lamina.primitives.used_rows import (
    FIRST_PLACES,
    FIRST_USES,
    REPLACE_ROWS,
    SUM_AT_FIRST,
    first_places,
    first_uses,
    replace_rows,
    sum_at_first,
)
from lamina.primitives.waiting import AFTER, after
from lamina.primitives.windows import DILATE, WINDOWS, dilate, windows

_FAMILIES = (
    arithmetic,
    bits,
    contraction,
    conversion,
    convolutions,
    cumulative,
    curves,
    cutting,
    indexing,
    logic,
    movement,
    pooling,
    random,
    rectifier,
    reduction,
    scatter,
    sliding,
    standardizing,
    transcendental,
    updating,
    used_rows,
    waiting,
)

REGISTRY: dict[str, Primitive] = {
    record.name: record for family in _FAMILIES for record in vars(family).values() if isinstance(record, Primitive)
}
# Those that give several arrays, and what picks one of them.
CONTROL: dict[str, Primitive] = {record.name: record for record in (SCAN, WHILE, COND, CALL, RESULT)}
