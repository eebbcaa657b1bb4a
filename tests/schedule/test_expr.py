"""Index expressions come out simple, and mean what they meant."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina import primitives as p
from lamina.base.dims import Dim, evaluate
from lamina.base.errors import CompileError
from lamina.graph import input_node
from lamina.schedule.evaluate import evaluate_size
from lamina.schedule.expr import INDEX, Buffer, Builder, expressions
from lamina.schedule.lowering import Lowering

BATCH = Dim("batch")


def element_index(node, source):
    """The position in `source` that an element of `node` is read from, and the loop variables."""
    b = Builder()
    buffer = Buffer("source", source.shape, source.dtype, "input")
    variables = tuple(b.variable(d) for d in node.shape)
    lowering = Lowering(b, lambda n, at: b.load(buffer, b.linear(at, n.shape)) if n is source else None)
    load = lowering.value(node, variables)
    assert load.op == "load"
    return load.args[0], variables


def operations(e):
    return {x.op for x in expressions([e])} - {"var", "const", "dim"}


PLAIN = {
    "flattened": lambda x: p.reshape(x, (120,)),
    "grouped": lambda x: p.reshape(x, (20, 6)),
    "there and back": lambda x: p.reshape(p.reshape(x, (6, 20)), (4, 5, 6)),
    "split": lambda x: p.reshape(x, (2, 2, 5, 3, 2)),
    "transposed": lambda x: p.transpose(x, (2, 0, 1)),
    "heads": lambda x: p.transpose(p.reshape(x, (4, 5, 2, 3)), (0, 2, 1, 3)),
    "cut": lambda x: p.slice(x, (1, 0, 2), (4, 5, 6), (1, 2, 3)),
    "reversed": lambda x: p.reverse(p.reshape(x, (20, 6)), (0,)),
    "spread": lambda x: p.broadcast(p.reshape(x, (1, 4, 5, 6)), (3, 4, 5, 6)),
}


@pytest.mark.parametrize("name", PLAIN)
def test_movement_gives_plain_sums(name):
    x = input_node((4, 5, 6), "float32")
    index, variables = element_index(PLAIN[name](x), x)
    assert operations(index) <= {"affine"} and set(index.args) <= set(variables)


def test_chains_over_a_symbol_give_plain_sums():
    x = input_node((BATCH, 5, 6), "float32")
    for node in (p.reshape(x, (BATCH * 30,)), p.reshape(p.reshape(x, (BATCH * 5, 6)), (BATCH, 30)),
                 p.transpose(p.reshape(x, (BATCH, 5, 2, 3)), (0, 2, 1, 3))):  # fmt: skip
        index, _ = element_index(node, x)
        assert operations(index) <= {"affine"}


@pytest.mark.parametrize("name", PLAIN)
def test_positions_are_right(name):
    x = input_node((4, 5, 6), "float32")
    node = PLAIN[name](x)
    index, variables = element_index(node, x)
    moved = run_numpy(node, x)
    for place in itertools.product(*(range(int(d)) for d in node.shape)):
        assert position(index, dict(zip(variables, place))) == moved[place]


def run_numpy(node, x):
    from lamina.graph.interpreter import evaluate_nodes

    return evaluate_nodes([node], {x: np.arange(120).reshape(4, 5, 6).astype(np.float32)}, {})[0]


def position(index, values, symbols=None):
    b = Builder()
    known = {v: b.const(value, INDEX) for v, value in values.items()}
    return evaluate_size(b.substitute(index, known), symbols or {})


# Arithmetic against that of Python

ATOMS = st.integers(0, 2)
PROGRAMS = st.recursive(
    ATOMS.map(lambda k: ("var", k)) | st.integers(-20, 20).map(lambda c: ("const", c)) | st.just(("dim", 0)),
    lambda inner: (
        st.tuples(st.sampled_from(["add", "sub"]), inner, inner)
        | st.tuples(st.just("mul"), inner, st.integers(-6, 6).map(lambda c: ("const", c)))
        | st.tuples(st.sampled_from(["floordiv", "rem"]), inner, st.integers(1, 12).map(lambda c: ("const", c)))
        | st.tuples(st.sampled_from(["min", "max"]), inner, inner)
    ),
    max_leaves=10,
)
EXTENTS = (4, 7, BATCH)


def build(b, program, variables):
    op, *rest = program
    if op == "var":
        return variables[rest[0]]
    if op == "const":
        return b.const(rest[0], INDEX)
    if op == "dim":
        return b.dim(BATCH)
    return getattr(b, op)(*(build(b, r, variables) for r in rest))


def meaning(program, values, batch):
    op, *rest = program
    if op == "var":
        return values[rest[0]]
    if op == "const":
        return rest[0]
    if op == "dim":
        return batch
    x, y = (meaning(r, values, batch) for r in rest)
    return {"add": x + y, "sub": x - y, "mul": x * y, "floordiv": x // y if y else 0, "rem": x % y if y else 0,
            "min": min(x, y), "max": max(x, y)}[op]  # fmt: skip


@given(PROGRAMS, st.integers(1, 6), st.data())
def test_simplified_arithmetic_is_that_of_python(program, batch, data):
    b = Builder()
    variables = [b.variable(d) for d in EXTENTS]
    values = [data.draw(st.integers(0, evaluate(d, {"batch": batch}) - 1)) for d in EXTENTS]
    index = build(b, program, variables)
    expected = meaning(program, values, batch)
    known = {v: b.const(n, INDEX) for v, n in zip(variables, values)}
    assert evaluate_size(b.substitute(index, known), {"batch": batch}) == expected
    limits = b.bounds(index)
    if limits is not None:
        assert limits[0] <= expected <= evaluate(limits[1], {"batch": batch})


@given(PROGRAMS, PROGRAMS, st.sampled_from(["lt", "le", "gt", "ge", "eq", "ne"]), st.integers(1, 6), st.data())
def test_comparisons_that_bounds_decide(left, right, op, batch, data):
    import operator

    b = Builder()
    variables = [b.variable(d) for d in EXTENTS]
    values = [data.draw(st.integers(0, evaluate(d, {"batch": batch}) - 1)) for d in EXTENTS]
    answer = getattr(b, op)(build(b, left, variables), build(b, right, variables))
    if answer.op == "const":
        assert answer.attr == getattr(operator, op)(meaning(left, values, batch), meaning(right, values, batch))


def test_equal_expressions_are_one_object():
    b = Builder()
    i, j = b.variable(3), b.variable(4)
    assert b.add(i, j) is b.add(j, i) or b.sub(b.add(i, j), b.add(j, i)).op == "const"
    assert b.sub(b.add(i, j), j) is i
    assert b.mul(i, b.const(1, INDEX)) is i
    assert b.add(i, b.const(0, INDEX)) is i


def test_quotient_and_remainder_come_together_again():
    b = Builder()
    i, four = b.variable(100), b.const(4, INDEX)
    quotient, rest = b.floordiv(i, four), b.rem(i, four)
    assert {quotient.op, rest.op} == {"floordiv", "rem"}
    assert b.add(b.mul(quotient, four), rest) is i


def test_what_needs_no_check_gets_none():
    b = Builder()
    i, j = b.variable(10), b.variable(BATCH)
    assert b.check_index(i, b.const(10, INDEX)) is i
    assert b.check_index(j, b.dim(BATCH + 1)) is j
    assert b.check_index(i, b.const(9, INDEX)).op == "check_index"
    assert b.check_index(b.sub(i, b.const(1, INDEX)), b.const(10, INDEX)).op == "check_index"
    assert b.check_index(j, b.const(10, INDEX)).op == "check_index"


def test_dividing_by_nothing_is_left_to_the_machine():
    b = Builder()
    i, zero = b.variable(10), b.const(0, INDEX)
    quotient = b.floordiv(i, zero)
    assert quotient.op == "floordiv" and b.bounds(quotient) is None
    assert b.rem(quotient, b.const(5, INDEX)).op == "rem"


def test_operands_of_different_dtypes_are_refused():
    b = Builder()
    with pytest.raises(CompileError, match="add of float32 and float64"):
        b.add(b.const(1.0, "float32"), b.const(1.0, "float64"))


def test_loop_of_known_choice():
    b = Builder()
    x, y = b.const(1.0, "float32"), b.const(2.0, "float32")
    assert b.select(b.lt(b.variable(5), b.const(5, INDEX)), x, y) is x
    assert b.bit_and(b.const(True, "bool"), b.eq(x, y)) is b.eq(x, y)
