"""The base of layers: weights, names, training, losses, configs, errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from lamina import layers, objects, ops, random
from lamina.base.errors import ArgumentError, DataError, LaminaError, ShapeError
from lamina.tensor import GradientTape, Tensor, Variable
from tests.golden.reference import run_traced

X = np.arange(6, dtype="float32").reshape(2, 3)


@pytest.fixture(autouse=True)
def _fresh_names() -> Iterator[None]:
    objects.reset_names()
    yield
    objects.reset_names()


class Linear(layers.Layer):
    def __init__(self, units: int = 2, **kwargs: Any):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape: Any) -> None:
        self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer="ones", name="w")
        self.steps = self.add_weight(shape=(), initializer="zeros", trainable=False, name="steps")
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", name="b")

    def call(self, inputs: Any) -> Any:
        return ops.matmul(inputs, self.w) + self.b


class Block(layers.Layer):
    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.parts = [Linear(2), {"deep": Linear(1)}]
        self.drop = layers.Dropout(0.5, seed=1)

    def call(self, inputs: Any) -> Any:
        return self.parts[1]["deep"](self.drop(self.parts[0](inputs)))


def test_builds_at_the_first_call() -> None:
    layer = Linear()
    assert not layer.built and layer.weights == []
    np.testing.assert_array_equal(layer(X), [[3, 3], [12, 12]])
    assert layer.built
    assert [v.path for v in layer.weights] == ["linear/w", "linear/b", "linear/steps"]
    assert [v.name for v in layer.trainable_weights] == ["w", "b"]
    assert [v.name for v in layer.non_trainable_weights] == ["steps"]
    assert layer.count_params() == 6 + 2 + 1


def test_build_alone_makes_it_built() -> None:
    layer = Linear()
    layer.build((None, 3))
    assert layer.built and layer.get_build_config() == {"input_shape": (None, 3)}
    again = Linear()
    again.build_from_config(layer.get_build_config())
    assert [v.shape for v in again.weights] == [v.shape for v in layer.weights]


def test_names_as_in_keras() -> None:
    assert [layers.Dense(1).name for _ in range(3)] == ["dense", "dense_1", "dense_2"]
    assert layers.Dense(1, name="mine").name == "mine"
    with pytest.raises(ArgumentError, match=r"Dense: name must be a non-empty string without '/'. Received: 'a/b'"):
        layers.Dense(1, name="a/b")


def test_sublayers_in_lists_and_dicts_belong_to_it() -> None:
    block = Block()
    block(X)
    assert [layer.name for layer in block.sublayers()] == ["linear", "linear_1", "dropout"]
    assert len(block.weights) == 6 and len(block.trainable_weights) == 4
    assert len(block.variables) == 7  # with the state of the random generator
    assert len({id(v) for v in block.variables}) == 7


def test_freezing_reaches_inside_and_back() -> None:
    block = Block()
    block(X)
    block.parts[0].trainable = False
    assert [v.path for v in block.trainable_weights] == ["linear_1/w", "linear_1/b"]
    block.trainable = False
    assert block.trainable_weights == [] and len(block.non_trainable_weights) == 6
    assert not block.parts[1]["deep"].trainable
    block.trainable = True
    assert len(block.trainable_weights) == 4
    assert [v.name for v in block.parts[0].non_trainable_weights] == ["steps"]


def test_frozen_before_it_is_built() -> None:
    layer = Linear(trainable=False)
    layer(X)
    assert layer.trainable_weights == []
    layer.trainable = True
    assert [v.name for v in layer.trainable_weights] == ["w", "b"]


def test_variables_as_attributes_are_weights() -> None:
    class Scale(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.factor = Variable(np.float32(3.0), name="factor")

        def call(self, inputs: Any) -> Any:
            return inputs * self.factor

    layer = Scale()
    np.testing.assert_array_equal(layer(X), X * 3)
    assert layer.weights == [layer.factor]


class Recorder(layers.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        self.seen.append(training)
        return inputs


class Nest(layers.Layer):
    def __init__(self, inner: layers.Layer):
        super().__init__()
        self.inner = inner

    def call(self, inputs: Any) -> Any:
        return self.inner(inputs)


def test_training_reaches_inner_layers() -> None:
    inner = Recorder()
    nest = Nest(Nest(inner))
    nest(X)
    nest(X, training=True)
    nest(X, training=False)
    nest(X)
    assert inner.seen == [None, True, False, None]


def test_training_of_the_call_itself_comes_first() -> None:
    class Frozen(Nest):
        def call(self, inputs: Any) -> Any:
            return self.inner(inputs, training=False)

    inner = Recorder()
    Frozen(inner)(X, training=True)
    assert inner.seen == [False]


def test_training_is_forgotten_after_an_error() -> None:
    class Broken(layers.Layer):
        def call(self, inputs: Any) -> Any:
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match=r"on purpose"):
        Nest(Broken())(X, training=True)
    inner = Recorder()
    inner(X)
    assert inner.seen == [None]


def test_added_losses_are_those_of_the_last_call() -> None:
    class Penalty(layers.Layer):
        def call(self, inputs: Any) -> Any:
            self.add_loss(ops.sum(inputs))
            return inputs

    nest = Nest(Penalty())
    for _ in range(2):
        nest(X)
    assert [float(v) for v in nest.losses] == [15.0]


def test_penalties_on_weights_and_outputs() -> None:
    layer = layers.Dense(2, kernel_initializer="ones", kernel_regularizer="l2", activity_regularizer="l1")
    layer(X)
    assert sorted(float(v) for v in layer.losses) == pytest.approx([0.01 * 6, 0.01 * 30 / 2])  # outputs: for each row
    layer.trainable = False
    assert len(layer.losses) == 1


def test_inputs_of_every_kind() -> None:
    layer = Linear(1)
    for x in (X, X.astype("float64"), X.tolist(), Tensor(X), Variable(X)):
        result = layer(x)
        assert result.dtype == "float32"
        np.testing.assert_array_equal(result, [[3], [12]])


def test_whole_numbers_are_not_cast() -> None:
    class Kind(layers.Layer):
        def call(self, inputs: Any) -> Any:
            self.kind = inputs.dtype
            return inputs

    layer = Kind()
    layer(np.array([[1]]))
    assert layer.kind == "int64"


def test_several_inputs_and_build_by_names() -> None:
    class Join(layers.Layer):
        def build(self, left_shape: Any, right_shape: Any) -> None:
            self.shapes = (left_shape, right_shape)

        def call(self, left: Any, right: Any) -> Any:
            return ops.concatenate([left, right], axis=-1)

    class Pair(layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.shapes = input_shape

        def call(self, inputs: Any) -> Any:
            return inputs[0] + inputs[1]

    join, pair = Join(), Pair()
    assert join(X, right=X[:, :1]).shape == (2, 4)
    assert join.shapes == ((2, 3), (2, 1))
    np.testing.assert_array_equal(pair([X, X]), 2 * X)
    assert pair.shapes == [(2, 3), (2, 3)]


def test_output_shape_is_found_by_calling() -> None:
    class Twice(layers.Layer):
        def call(self, inputs: Any) -> Any:
            return ops.concatenate([inputs, inputs], axis=1)

    assert Twice().compute_output_shape((None, 3)) == (None, 6)
    assert Linear(4).compute_output_shape((None, 3)) == (None, 4)
    assert Linear(4).compute_output_shape((7, None, 3)) == (7, None, 4)


def test_traced_call_of_a_layer_that_builds_itself(executor: str) -> None:
    layer = Linear(2)
    (result,) = run_traced(layer, X)
    np.testing.assert_allclose(result, [[3, 3], [12, 12]])
    assert layer.built


def test_gradients_reach_the_weights() -> None:
    layer = Linear(1)
    with GradientTape() as tape:
        loss = ops.sum(layer(X))
    w, b = tape.gradient(loss, layer.trainable_variables)
    np.testing.assert_allclose(w, X.sum(0)[:, None])
    np.testing.assert_allclose(b, [2.0])


def test_get_and_set_weights() -> None:
    layer = Linear()
    layer.build((None, 3))
    values = [np.full(v.shape, 2.0) for v in layer.weights]
    layer.set_weights(values)
    for found, value in zip(layer.get_weights(), values, strict=True):
        np.testing.assert_array_equal(found, value)
    layer.get_weights()[0][...] = 9  # a copy
    assert np.all(layer.w.numpy() == 2)


def test_set_weights_that_do_not_fit_change_nothing() -> None:
    layer = Linear()
    layer.build((None, 3))
    before = layer.get_weights()
    with pytest.raises(ArgumentError, match=r"'linear' has 3 weight\(s\): w \(3, 2\), b \(2,\), steps \(\).*1 array"):
        layer.set_weights([np.zeros((3, 2))])
    with pytest.raises(ShapeError, match=r"weight 'b' has shape \(2,\). Received an array of shape \(3,\)"):
        layer.set_weights([np.zeros((3, 2)), np.zeros(3), np.zeros(())])
    with pytest.raises(DataError, match=r"weight 'b' takes numbers"):
        layer.set_weights([np.zeros((3, 2)), np.array(["a", "b"]), np.zeros(())])
    for now, old in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, old)
    with pytest.raises(ArgumentError, match=r"has no weights"):
        Linear().set_weights([np.zeros(2)])


def test_config_of_a_class_without_get_config() -> None:
    layer = Linear(5, name="five")
    assert layer.get_config() == {"name": "five", "trainable": True, "dtype": "float32", "units": 5}
    assert Linear.from_config(layer.get_config()).units == 5
    with pytest.raises(ArgumentError, match=r"Nest.get_config\(\) is missing: its argument 'inner' is a Linear"):
        Nest(layer).get_config()


def test_old_style_input_shapes() -> None:
    assert layers.Dense(1, input_shape=(3,))._input_shape_arg == (None, 3)
    assert layers.Dense(1, input_dim=3)._input_shape_arg == (None, 3)
    assert layers.Dense(1, batch_input_shape=(2, 3))._input_shape_arg == (2, 3)
    assert layers.Dense(1)._input_shape_arg is None


def test_misspelt_keyword() -> None:
    with pytest.raises(ArgumentError, match=r"Dense does not have the argument 'activaton'. Did you mean 'activation'"):
        layers.Dense(1, activaton="relu")


def test_forgotten_super_init() -> None:
    class Forgetful(layers.Layer):
        def __init__(self) -> None:
            pass

        def call(self, inputs: Any) -> Any:
            return inputs

    with pytest.raises(LaminaError, match=r"Forgetful.__init__\(\) did not call `super"):
        Forgetful()(X)


def test_no_call() -> None:
    with pytest.raises(NotImplementedError, match=r"Layer 'nothing' has no|has no `call"):
        type("Nothing", (layers.Layer,), {})()(X)


def test_count_before_build() -> None:
    with pytest.raises(LaminaError, match=r"Linear layer 'linear' has no weights yet"):
        Linear().count_params()


def test_weight_of_unknown_shape() -> None:
    with pytest.raises(ShapeError, match=r"Layer 'linear': weight 'w' cannot have the shape \(None, 2\)"):
        Linear().build((None, None))


def test_failed_build_can_be_tried_again() -> None:
    class Picky(layers.Layer):
        ready = False

        def build(self, input_shape: Any) -> None:
            self.add_weight(shape=(2,), name="w")
            if not self.ready:
                raise ValueError("not yet")

        def call(self, inputs: Any) -> Any:
            return inputs

    layer = Picky()
    with pytest.raises(ValueError, match=r"not yet"):
        layer(X)
    assert not layer.built and layer.weights == []
    layer.ready = True
    layer(X)
    assert len(layer.weights) == 1


def test_own_dtype() -> None:
    layer = layers.Dense(2, dtype="float64")
    assert layer(X).dtype == "float64" and layer.kernel.dtype == "float64"
    from_keras = layers.Dense(2, dtype={"class_name": "DTypePolicy", "config": {"name": "float32"}})
    assert from_keras.dtype == "float32"
    with pytest.raises(ArgumentError, match=r"There is no dtype policy 'mixed_float8'"):
        layers.Dense(2, dtype="mixed_float8")


def test_set_random_seed_decides_weights() -> None:
    kernels = []
    for _ in range(2):
        random.set_random_seed(4)
        layer = layers.Dense(3)
        layer(X)
        kernels.append(layer.get_weights()[0])
    np.testing.assert_array_equal(kernels[0], kernels[1])
