"""The networks of the benchmarks: sizes and work as published, and the references that peers are judged by."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.networks import NETWORKS
from benchmarks.networks.plan import Plan, from_arrays, initial_weights, to_arrays
from benchmarks.workloads import convolution, network_trainers
from benchmarks.workloads.network_training import training_settings


def plan_of(name: str, shape: tuple[int, ...] = ()) -> Plan:
    return Plan(NETWORKS[name], shape or NETWORKS[name].shape)


def trainable(plan: Plan) -> int:
    return sum(int(np.prod(shape)) for layer in plan.layers for shape in layer.shapes[:2])


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("cnn", 225_034), ("resnet18", 11_173_962), ("resnet50", 25_557_032), ("mobilenetv2", 3_504_872)],
)
def test_networks_have_as_many_parameters_as_published(name: str, parameters: int) -> None:
    assert trainable(plan_of(name)) == parameters


@pytest.mark.parametrize(("name", "multiply_adds"), [("resnet50", 4.09e9), ("mobilenetv2", 0.301e9)])
def test_networks_take_as_many_operations_as_published(name: str, multiply_adds: float) -> None:
    assert plan_of(name, (224, 224, 3)).forward == pytest.approx(2 * multiply_adds, rel=2e-3)


def test_training_costs_three_times_the_forward_pass_less_the_gradient_of_the_input() -> None:
    plan = plan_of("cnn")
    first = 2 * 26 * 26 * 9 * 32
    assert plan.training == 3 * plan.forward - first


@pytest.mark.parametrize(
    ("name", "output"), [("cnn", (10,)), ("resnet18", (10,)), ("mobilenetv2", (1000,)), ("unet", (128, 128, 1))]
)
def test_networks_end_in_logits(name: str, output: tuple[int, ...]) -> None:
    assert plan_of(name).output == output


def test_shapes_that_cannot_be_added_are_an_error() -> None:
    with pytest.raises(ValueError, match="shapes to add differ"):
        plan_of("cnn").add((4, 4, 8), (4, 4, 9))


@pytest.mark.parametrize("trained", [False, True])
def test_weights_survive_the_way_through_a_file(trained: bool) -> None:
    weights = initial_weights(plan_of("mobilenetv2", (32, 32, 3)), trained=trained)
    again = from_arrays(to_arrays(weights))
    assert [len(layer) for layer in again] == [len(layer) for layer in weights]
    assert all(np.array_equal(a, b) for one, two in zip(again, weights) for a, b in zip(one, two))


def test_weights_have_the_planned_shapes_and_are_the_same_every_time() -> None:
    plan = plan_of("unet", (16, 16, 3))
    weights = initial_weights(plan)
    assert [tuple(w.shape for w in layer) for layer in weights] == [layer.shapes for layer in plan.layers]
    assert {w.dtype for layer in weights for w in layer} == {np.dtype("float32")}
    assert np.array_equal(weights[0][0], initial_weights(plan)[0][0])


def test_examples_have_labels_or_masks() -> None:
    labelled = network_trainers.inputs(training_settings("cnn", 4, 2))
    assert labelled["x"].shape == (8, 28, 28, 1)
    assert labelled["y"].shape == (8,) and set(labelled["y"]) <= set(range(10))
    masked = network_trainers.inputs(training_settings("unet", 2, 1, (18, 18, 3)))
    assert masked["y"].shape == (2, 18, 18, 1) and set(masked["y"].ravel()) == {0.0, 1.0}


def test_convolution_by_the_definition_keeps_its_own_gradients() -> None:
    settings = {"channels": 2, "filters": 3, "side": 4, "gradients": True}
    arrays = {name: array.astype("float64") for name, array in convolution.inputs(settings).items()}
    x, kernel, g = arrays["x"], arrays["kernel"], arrays["g"]
    of_x, of_kernel = convolution.numpy(x, kernel, g)()
    rng = np.random.default_rng(2)
    for gradient, change in (
        (of_x, {"x": rng.standard_normal(x.shape)}),
        (of_kernel, {"kernel": rng.standard_normal(kernel.shape)}),
    ):
        moved = {"x": x, "kernel": kernel}
        (name, direction) = next(iter(change.items()))
        moved[name] = moved[name] + direction
        # The convolution is linear in each of its operands, so a whole step tells the derivative.
        difference = convolution.numpy(**moved)()[0] - convolution.numpy(x, kernel)()[0]
        assert np.sum(gradient * direction) == pytest.approx(np.sum(difference * g))


def test_operations_of_a_convolution_double_for_its_two_gradients() -> None:
    settings = {"channels": 64, "filters": 64, "side": 56, "gradients": False}
    assert convolution.operations(settings) == 2 * 8 * 56 * 56 * 9 * 64 * 64
    assert convolution.operations({**settings, "gradients": True}) == 2 * convolution.operations(settings)
