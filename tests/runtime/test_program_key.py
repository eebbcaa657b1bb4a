"""Programs are told apart by what they compute, and by nothing else."""

from __future__ import annotations

import numpy as np

from lamina import primitives as p
from lamina.base.dims import Dim
from lamina.graph import Graph, Primitive, Spec, apply, constant, input_node
from lamina.runtime.program_key import program_text

BATCH = Dim("batch")


def text_of(build, streams=False, updates=False, name="x"):
    x = input_node((BATCH, 4), "float32", name)
    value = build(x)
    graph = Graph((x,), () if updates else (value,), ((x, value),) if updates else ())
    return program_text({"main": graph}, (x,) if streams else ())


def test_names_lines_and_the_order_of_making_do_not_count():
    first = text_of(lambda x: p.add(p.exp(x), p.tanh(x)))

    def backwards(x):
        right = p.tanh(x)
        return p.add(p.exp(x), right)

    assert text_of(backwards, name="other") == first


def test_everything_that_is_computed_counts():
    texts = [
        text_of(lambda x: p.exp(x)),
        text_of(lambda x: p.tanh(x)),
        text_of(lambda x: p.exp(x), streams=True),
        text_of(lambda x: p.exp(x), updates=True),
        text_of(lambda x: p.subtract(x, p.exp(x))),
        text_of(lambda x: p.subtract(p.exp(x), x)),
        text_of(lambda x: p.reduce_sum(x, (1,))),
        text_of(lambda x: p.reduce_sum(x, (0,))),
        text_of(lambda x: p.add(x, p.full(x.shape, 0.0, "float32"))),
        text_of(lambda x: p.add(x, p.full(x.shape, -0.0, "float32"))),
        text_of(lambda x: p.add(x, p.full(x.shape, float("nan"), "float32"))),
        text_of(lambda x: p.pad(x, (0, 0), (0, 1), 1.0)),
        text_of(lambda x: p.pad(x, (0, 0), (0, 1), 2.0)),
        text_of(lambda x: p.cast(x, "int32")),
        text_of(lambda x: p.cast(x, "int64")),
        *(text_of(lambda x, k=k: p.contract(x, constant(np.full((4, 90), k, "float32")), ("mk", "kn", "mn")))
          for k in (1, 2)),
    ]  # fmt: skip
    assert len(set(texts)) == len(texts) and None not in texts


def test_several_graphs_share_their_inputs():
    state = input_node((3,), "float32")
    other = input_node((3,), "float32")
    shared = {"prologue": Graph((state,), (), ((state, p.exp(state)),)), "body": Graph((state,), (p.tanh(state),))}
    apart = {**shared, "body": Graph((other,), (p.tanh(other),))}
    assert program_text(shared, ()) != program_text(apart, ())


def test_an_attribute_that_cannot_be_written_gives_no_key():
    odd = Primitive("odd", "elementwise", infer=lambda x, thing: Spec(x.shape, x.dtype), numpy=lambda x, thing: x)
    assert text_of(lambda x: apply(odd, x, thing=frozenset([1]))) is None
