"""Lion, Lamb, Ftrl, Adafactor and Muon: the numbers of Keras 3.15 on TensorFlow after four steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lamina import layers, models, optimizers
from lamina.base.errors import ArgumentError
from lamina.tensor import Variable

# Name, arguments besides a learning rate of 0.1, and then the numbers of a matrix, a vector and a tensor of rank 3.
CASES: list[Any] = [
    ("Lion", {},
     [-0.4, 1.041471, 1.109297, 0.14112, -0.556802, -0.958924, -0.679416, 0.656987, 0.989358, 0.612119, -0.544021,
      -0.99999],
     [0.7, 0.340302, -0.416147],
     [0.6, 0.340302, -0.616147, -0.989992, -0.853644, 0.483662, 0.56017, 0.353902, -0.1455, -1.11113, -0.839072,
      0.004426]),
    ("Lion", {"weight_decay": 0.01, "beta_1": 0.8, "beta_2": 0.9},
     [-0.3994, 1.03811, 1.105266, 0.140357, -0.554179, -0.755094, -0.6777, 0.654762, 1.184807, 0.610273,
      -0.541848, -0.995996],
     [0.696306, 0.338744, -0.414085],
     [0.596606, 0.338744, -0.614085, -0.985839, -0.850833, 0.282929, 0.556935, 0.351491, -0.144519, -1.107292,
      -0.83552, 0.004408]),
    ("Lamb", {},
     [-0.462718, 0.925587, 1.088345, 0.249414, -0.568161, -0.828771, -0.728024, 0.537978, 1.171716, 0.565717,
      -0.368676, -0.924658],
     [0.763265, 0.256662, -0.531207],
     [0.567228, 0.225428, -0.588354, -1.101826, -0.761433, 0.25131, 0.557619, 0.351815, -0.314611, -1.068639,
      -0.933572, -0.042458]),
    ("Lamb", {"weight_decay": 0.01, "beta_1": 0.8},
     [-0.453356, 0.946502, 1.066705, 0.234349, -0.58157, -0.82004, -0.710601, 0.568698, 1.14969, 0.548491,
      -0.38247, -0.932447],
     [0.756476, 0.274938, -0.504496],
     [0.560344, 0.243731, -0.570445, -1.083448, -0.753593, 0.277875, 0.563372, 0.356195, -0.289574, -1.053102,
      -0.920228, -0.0257]),
    ("Ftrl", {},
     [-0.270536, 0.511661, 0.452833, 0.134895, -0.327811, -0.191805, -0.423569, 0.418864, 0.127628, 0.349779,
      -0.259886, 0.026115],
     [-0.175693, 0.225247, -0.265612],
     [0.380708, 0.225247, -0.350837, -0.682269, -0.503449, 0.21328, 0.421983, 0.277922, -0.150339, -0.671295,
      -0.591249, -0.013202]),
    ("Ftrl", {"learning_rate_power": -0.7, "l1_regularization_strength": 0.01, "l2_regularization_strength": 0.1,
     "l2_shrinkage_regularization_strength": 0.05, "beta": 0.2},
     [-0.203503, 0.416016, 0.354762, 0.124218, -0.288455, -0.119782, -0.359166, 0.367028, 0.068571, 0.314162,
      -0.24485, 0.044908],
     [-0.16187, 0.217414, -0.251047],
     [0.38392, 0.217414, -0.311512, -0.620043, -0.452012, 0.186357, 0.405138, 0.280328, -0.134434, -0.601856,
      -0.537779, -0.011079]),
    ("Adafactor", {},
     [-0.327365, 0.978228, 0.936236, 0.157807, -0.671834, -0.856071, -0.580309, 0.717302, 0.964144, 0.510551,
      -0.430394, -1.011207],
     [0.818371, 0.447792, -0.357928],
     [0.721365, 0.447698, -0.478122, -0.987473, -0.711029, 0.358079, 0.781583, 0.538792, -0.154874, -0.970767,
      -0.85143, 0.001839]),
    ("Adafactor", {"relative_step": False, "beta_2_decay": -0.6, "clip_threshold": 0.5},
     [-0.165059, 0.913426, 0.920476, 0.153273, -0.718477, -0.904466, -0.436115, 0.689068, 0.972779, 0.46485,
      -0.486326, -1.005841],
     [0.906247, 0.488495, -0.387618],
     [0.837702, 0.508072, -0.460396, -0.971982, -0.69142, 0.335066, 0.861504, 0.639552, -0.144666, -0.94832,
      -0.833873, -0.006]),
    ("Muon", {},
     [-0.114228, 0.862426, 0.934823, 0.175028, -0.716211, -0.909637, -0.385442, 0.640532, 1.031504, 0.475825,
      -0.503074, -0.956409],
     [0.761591, 0.226695, -0.565844],
     [0.598645, 0.226695, -0.607251, -1.12238, -0.777712, 0.204543, 0.581767, 0.375302, -0.340148, -1.079048,
      -0.954782, -0.078082]),
    ("Muon", {"nesterov": False, "momentum": 0.9, "ns_steps": 3, "rms_rate": None, "adam_lr_ratio": 0.5},
     [-0.323152, 0.909187, 0.958008, 0.231703, -0.687221, -0.849671, -0.532575, 0.611895, 1.080881, 0.59144,
      -0.43176, -0.878638],
     [0.879996, 0.383067, -0.490663],
     [0.798523, 0.383067, -0.511367, -1.055395, -0.715155, 0.243876, 0.770201, 0.564, -0.242708, -0.994361,
      -0.896256, -0.036832]),
]  # fmt: skip


def after_four_steps(optimizer: Any) -> list[Any]:
    matrix = Variable(np.sin(np.arange(12.0)).reshape(3, 4).astype("float32"))
    vector = Variable(np.cos(np.arange(3.0)).astype("float32"))
    third = Variable(np.cos(np.arange(12.0)).reshape(2, 3, 2).astype("float32"))
    for i in range(4):
        gradients = [
            np.cos(np.arange(12.0) * (i + 1)).reshape(3, 4),
            np.sin(np.arange(3.0) + i),
            np.sin(np.arange(12.0) * i + 1).reshape(2, 3, 2),
        ]
        optimizer.apply([g.astype("float32") for g in gradients], [matrix, vector, third])
    return [np.asarray(v).ravel() for v in (matrix, vector, third)]


@pytest.mark.parametrize("case", CASES, ids=lambda c: c[0] + ("-own" if c[1] else ""))
def test_as_keras(case: Any) -> None:
    name, own, *expected = case
    optimizer = getattr(optimizers, name)(learning_rate=0.1, **own)
    for found, values in zip(after_four_steps(optimizer), expected, strict=True):
        np.testing.assert_allclose(found, values, rtol=2e-5, atol=3e-6)


@pytest.mark.parametrize("name", ["Adafactor", "Ftrl", "Lamb", "Lion", "Muon"])
def test_in_training_and_from_its_config(name: str, rng: np.random.Generator) -> None:
    x = rng.normal(size=(64, 4)).astype("float32")
    y = (x @ np.array([[1.0], [-2.0], [0.5], [0.0]])).astype("float32")

    def trained(optimizer: Any, eager: bool) -> tuple[list[float], list[np.ndarray]]:
        model = models.Sequential([layers.Input((4,)), layers.Dense(8, activation="tanh"), layers.Dense(1)])
        model.set_weights([np.sin(np.arange(w.size, dtype="float32")).reshape(w.shape) for w in model.get_weights()])
        model.compile(optimizer, "mse", run_eagerly=eager)
        return model.fit(x, y, epochs=3, shuffle=False, verbose=0).history["loss"], model.get_weights()

    optimizer = optimizers.get(name.lower())
    optimizer.learning_rate = 0.05
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert type(again) is getattr(optimizers, name) and again.get_config() == optimizer.get_config()
    losses, weights = trained(optimizer, eager=False)
    same, others = trained(again, eager=True)
    assert losses[-1] < losses[0]
    np.testing.assert_allclose(losses, same, rtol=1e-4)
    for a, b in zip(weights, others, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


def test_weights_without_size_and_gradients_of_zero_stay_finite() -> None:
    for name in ("Adafactor", "Ftrl", "Lamb", "Lion", "Muon"):
        variable = Variable(np.zeros((2, 3), "float32"))
        optimizer = getattr(optimizers, name)(0.1)
        for _ in range(2):
            optimizer.apply([np.zeros((2, 3), "float32")], [variable])
        assert np.isfinite(np.asarray(variable)).all(), name


def test_muon_leaves_embeddings_and_named_matrices_to_adam() -> None:
    def step(path: str, **own: Any) -> np.ndarray:
        variable = Variable(np.ones((2, 3), "float32"))
        variable.path = path
        optimizers.Muon(0.1, weight_decay=None, adam_weight_decay=None, **own).apply(
            [np.eye(2, 3).astype("float32")], [variable]
        )
        return np.asarray(variable)

    by_adam = np.where(np.eye(2, 3) > 0, 0.9, 1.0)
    np.testing.assert_allclose(step("model/embedding/table"), by_adam, atol=1e-5)
    np.testing.assert_allclose(step("model/head/kernel", exclude_layers=["head"]), by_adam, atol=1e-5)
    assert abs(step("model/embedding/table", exclude_embeddings=False) - by_adam).max() > 0.01


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: optimizers.Lion(beta_1=0.0), "Lion: beta_1 must be above 0"),
        (lambda: optimizers.Ftrl(learning_rate_power=0.5), "learning_rate_power must be at most 0"),
        (lambda: optimizers.Ftrl(l1_regularization_strength=-1.0), "l1_regularization_strength must be at least 0"),
        (lambda: optimizers.Lamb(beta_2=1.0), "beta_2 must be from 0 to below 1"),
    ],
)
def test_what_cannot_be(call: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        call()
