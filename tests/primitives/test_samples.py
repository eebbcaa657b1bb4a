"""Every primitive on every one of its samples: inference, reference, lowering, expansion and gradient agree."""

from __future__ import annotations

import numpy as np
import pytest

from lamina.autodiff import check_gradients
from lamina.base import dtypes
from lamina.graph import Graph, Node, Primitive, Sample, apply, input_node, interpret
from lamina.primitives import REGISTRY
from tests.primitives.scalars import Builder, Reader, Scalar, every_index, fold, widened

PRIMITIVES = [pytest.param(p, id=name) for name, p in sorted(REGISTRY.items())]
LOWERED_BY_INDEX = ("movement", "index", "random")


def inputs_of(sample: Sample) -> list[Node]:
    return [input_node(a.shape, dtypes.canonical(a.dtype)) for a in map(np.asarray, sample.arrays)]


def run(nodes: list[Node], output: Node, sample: Sample) -> np.ndarray:
    return interpret(Graph(tuple(nodes), (output,)), [np.asarray(a) for a in sample.arrays])[0]


def has_float_operand(sample: Sample) -> bool:
    return any(dtypes.is_float(dtypes.canonical(np.asarray(a).dtype)) for a in sample.arrays)


def assert_close(found: np.ndarray, expected: np.ndarray, factor: float = 4) -> None:
    """Equal, NaN and infinities included, but for a few roundings of floats."""
    if not dtypes.is_float(dtypes.canonical(expected.dtype)):
        np.testing.assert_array_equal(found, expected)
        return
    step = {"float16": 2**-10, "bfloat16": 2**-7, "float32": 2**-23, "float64": 2**-52}[expected.dtype.name]
    with np.errstate(over="ignore", invalid="ignore"):
        wide, right = np.asarray(found, np.float64), np.asarray(expected, np.float64)
        np.testing.assert_allclose(wide, right, rtol=factor * step, atol=factor * step)


@pytest.mark.parametrize("primitive", PRIMITIVES)
def test_samples_cover_the_edges(primitive: Primitive) -> None:
    samples = list(primitive.samples())
    arrays = [np.asarray(a) for sample in samples for a in sample.arrays]
    assert samples
    if not arrays or primitive.name.startswith("random"):
        return  # a key has one shape
    assert any(a.size == 0 for a in arrays)
    assert any(a.size == 1 for a in arrays)
    assert any(not a.flags.c_contiguous for a in arrays)


@pytest.mark.parametrize("primitive", PRIMITIVES)
def test_infer_is_what_numpy_gives(primitive: Primitive) -> None:
    for sample in primitive.samples():
        spec = primitive.infer(*inputs_of(sample), **sample.attrs)
        with np.errstate(all="ignore"):
            value = np.asarray(primitive.numpy(*map(np.asarray, sample.arrays), **sample.attrs))
        assert (value.shape, dtypes.canonical(value.dtype)) == (spec.shape, spec.dtype), sample


@pytest.mark.parametrize("primitive", PRIMITIVES)
def test_reference_leaves_its_operands_alone(primitive: Primitive) -> None:
    for sample in primitive.samples():
        before = [np.array(a) for a in sample.arrays]
        with np.errstate(all="ignore"):
            primitive.numpy(*map(np.asarray, sample.arrays), **sample.attrs)
        for array, copy in zip(sample.arrays, before):
            assert np.asarray(array).tobytes() == copy.tobytes()


@pytest.mark.parametrize("primitive", [p for p in PRIMITIVES if p.values[0].lower])
def test_lowering_is_the_reference(primitive: Primitive) -> None:
    for sample in primitive.samples():
        arrays = [np.asarray(a) for a in sample.arrays]
        expected = run(nodes := inputs_of(sample), apply(primitive, *nodes, **sample.attrs), sample)
        with np.errstate(all="ignore"):
            found = lowered(primitive, arrays, sample.attrs, expected.shape)
        assert_close(np.broadcast_to(found.astype(expected.dtype), expected.shape), expected, factor=16)


def lowered(primitive: Primitive, arrays: list[np.ndarray], attrs: dict, shape: tuple[int, ...]) -> np.ndarray:
    """The value that the scalar meaning of a primitive gives."""
    assert primitive.lower is not None
    if primitive.kind == "elementwise":
        return primitive.lower(Builder(), *map(widened, arrays), **attrs).value
    if primitive.kind == "reduce":
        return fold(primitive, arrays[0], attrs["axes"])
    if primitive.kind == "cumulative":
        return scan(primitive, arrays[0], **attrs)
    assert primitive.kind in LOWERED_BY_INDEX
    if 0 in shape:
        return np.zeros(shape)
    return primitive.lower(Builder(), every_index(shape), *map(Reader, arrays), **attrs).value


def scan(primitive: Primitive, x: np.ndarray, axis: int, reverse: bool, exclusive: bool) -> np.ndarray:
    line = np.moveaxis(x, axis, 0)
    line = line[::-1] if reverse else line
    results, accumulator = [], None
    for entry in line:
        scalar = widened(entry)
        if accumulator is None:
            accumulator = Scalar(np.full_like(scalar.value, primitive.identity(scalar.dtype)), scalar.dtype)
        following = primitive.lower(Builder(), accumulator, scalar)
        results.append(accumulator.value if exclusive else following.value)
        accumulator = following
    if not results:
        return x
    stacked = np.stack(results[::-1] if reverse else results)
    return np.moveaxis(stacked, 0, axis)


@pytest.mark.parametrize("primitive", [p for p in PRIMITIVES if p.values[0].expand])
def test_expansion_is_the_reference(primitive: Primitive) -> None:
    for sample in primitive.samples():
        nodes = inputs_of(sample)
        node = apply(primitive, *nodes, **sample.attrs)
        expanded = primitive.expand(node)
        assert (expanded.shape, expanded.dtype) == (node.shape, node.dtype)
        assert_close(run(nodes, expanded, sample), run(nodes, node, sample), factor=64)


@pytest.mark.parametrize("primitive", [p for p in PRIMITIVES if p.values[0].vjp])
def test_gradient_is_what_differences_give(primitive: Primitive) -> None:
    compared = 0
    for sample in primitive.samples():
        if sample.differentiable and has_float_operand(sample):
            check_gradients(lambda *xs, s=sample: apply(primitive, *xs, **s.attrs), sample.arrays)
            compared += 1
    assert compared >= 5


@pytest.mark.parametrize("primitive", [p for p in PRIMITIVES if p.values[0].vjp])
def test_second_gradient_is_what_differences_give(primitive: Primitive) -> None:
    for sample in primitive.samples():
        if sample.differentiable and has_float_operand(sample):
            check_gradients(
                lambda *xs, s=sample: apply(primitive, *xs, **s.attrs), sample.arrays, order=2, tolerance=1e-5
            )


@pytest.mark.parametrize("primitive", PRIMITIVES)
def test_record_is_whole(primitive: Primitive) -> None:
    if primitive.kind in ("elementwise", "reduce", *LOWERED_BY_INDEX):
        assert (primitive.lower is None) != (primitive.expand is None)
    if primitive.kind in ("reduce", "cumulative") and primitive.lower:
        assert primitive.identity is not None
