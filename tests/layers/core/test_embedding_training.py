"""Training of embeddings: which optimizers touch only the rows in use, and that the numbers are those of all rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lamina import debug, layers, models, ops, optimizers
from lamina.base.config import config
from lamina.base.errors import IndexRangeError
from lamina.random import set_random_seed
from lamina.tensor import GradientTape, function

WORDS, STEPS, WIDTH = 1500, 6, 8
ROWS = 50  # no multiple of the batch


def data(words: int = 40) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    return rng.integers(0, words, (ROWS, STEPS)), rng.normal(size=(ROWS, 1)).astype("float32")


def plain(**arguments: Any) -> models.Model:
    embedding = layers.Embedding(WORDS, WIDTH, **arguments)
    return models.Sequential([layers.Input((STEPS,), dtype="int32"), embedding, layers.Flatten(), layers.Dense(1)])


def of_any_length() -> models.Model:
    embedding = layers.Embedding(WORDS, WIDTH)
    last = [layers.GlobalAveragePooling1D(), layers.Dense(1)]
    return models.Sequential([layers.Input((None,), dtype="int32"), embedding, *last])


def masked() -> models.Model:
    embedding = layers.Embedding(WORDS, WIDTH, mask_zero=True)
    return models.Sequential([layers.Input((STEPS,), dtype="int32"), embedding, layers.LSTM(4), layers.Dense(1)])


def shared() -> models.Model:
    """Two lookups in one table, of different lengths."""
    words = layers.Input((STEPS,), dtype="int32")
    embedding = layers.Embedding(WORDS, WIDTH)
    first, rest = embedding(words[:, :2]), embedding(words[:, 2:] + 1)
    joined = ops.concatenate([ops.mean(first, 1), ops.mean(rest, 1)], -1)
    return models.Model(words, layers.Dense(1)(joined))


def two_tables() -> models.Model:
    words = layers.Input((STEPS,), dtype="int32")
    joined = ops.concatenate([layers.Embedding(WORDS, n)(words) for n in (4, 5)], -1)
    return models.Model(words, layers.Dense(1)(layers.Flatten()(joined)))


def tied() -> models.Model:
    """The table is the weight of the last layer besides, so that every row has a gradient."""
    words = layers.Input((STEPS,), dtype="int32")
    embedding = layers.ReversibleEmbedding(WORDS, WIDTH)
    scores = embedding(ops.mean(embedding(words), 1), reverse=True)
    return models.Model(words, ops.mean(scores, -1, keepdims=True))


def trained(make: Callable[[], models.Model], optimizer: Any, words: int = 40) -> tuple[models.Model, list[np.ndarray]]:
    set_random_seed(1)
    model = make()
    model.compile(optimizer() if callable(optimizer) else optimizer, loss="mse")
    x, y = data(words)
    model.fit(x, y, batch_size=16, epochs=2, verbose=0)
    state = [v.numpy() for v in model.optimizer.variables]
    return model, [*model.get_weights(), *state]


def in_all_rows(make: Callable[[], models.Model], optimizer: Any, monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    with monkeypatch.context() as patch:
        patch.setattr("lamina.optimize.touch_used_rows", lambda graph: graph)
        patch.setattr(config, "cache", False)
        return trained(make, optimizer)[1]


def touches_used_rows(model: models.Model) -> bool:
    text = debug.optimized(model, *data())
    assert ("replace_rows" in text) is ("scatter_add" not in text)
    return "replace_rows" in text


SPARSE = {
    "sgd": lambda: optimizers.SGD(0.1),
    "sgd with a schedule": lambda: optimizers.SGD(optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)),
    "sgd with a limit": lambda: optimizers.SGD(0.1, clipvalue=0.01),
    "sgd with scaled loss": lambda: optimizers.SGD(0.1, loss_scale_factor=8.0),
    "sgd averaged": lambda: optimizers.SGD(0.1, use_ema=True),
    "adagrad": lambda: optimizers.Adagrad(0.1),
}
DENSE = {
    "momentum": lambda: optimizers.SGD(0.1, momentum=0.9),
    "decay": lambda: optimizers.SGD(0.1, weight_decay=0.01),
    "limited norm": lambda: optimizers.SGD(0.1, clipnorm=0.1),
    "limited norm of all": lambda: optimizers.SGD(0.1, global_clipnorm=0.1),
    "several steps": lambda: optimizers.SGD(0.1, gradient_accumulation_steps=2),
    "adam": lambda: optimizers.Adam(0.1),
    "rmsprop": lambda: optimizers.RMSprop(0.1),
    "adadelta": lambda: optimizers.Adadelta(0.1),
    "ftrl": lambda: optimizers.Ftrl(0.1),
    "lion": lambda: optimizers.Lion(0.1),
}


@pytest.mark.parametrize("optimizer", SPARSE)
def test_only_rows_in_use(optimizer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, found = trained(plain, SPARSE[optimizer])
    assert touches_used_rows(model)
    for a, b in zip(found, in_all_rows(plain, SPARSE[optimizer], monkeypatch), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("optimizer", DENSE)
def test_all_rows(optimizer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, found = trained(plain, DENSE[optimizer])
    assert not touches_used_rows(model)
    for a, b in zip(found, in_all_rows(plain, DENSE[optimizer], monkeypatch), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("optimizer", ["sgd", "adagrad", "adam"])
@pytest.mark.parametrize("make", [of_any_length, masked, shared, two_tables, tied], ids=lambda make: make.__name__)
def test_models(
    make: Callable[[], models.Model], optimizer: str, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.threads = threads
    model, found = trained(make, optimizer)
    assert touches_used_rows(model) is (make is not tied and optimizer != "adam")
    for a, b in zip(found, in_all_rows(make, optimizer, monkeypatch), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("optimizer", ["momentum", "adam", "rmsprop", "limited norm", "several steps"])
@pytest.mark.parametrize("make", [plain, of_any_length, shared, tied], ids=lambda make: make.__name__)
def test_gradients_of_large_tables_are_not_spread(
    make: Callable[[], models.Model], optimizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = in_all_rows(make, DENSE[optimizer], monkeypatch)
    monkeypatch.setattr("lamina.optimize.used_rows.LEAST_BYTES", 0)
    monkeypatch.setattr(config, "cache", False)
    model, found = trained(make, DENSE[optimizer])
    text = debug.optimized(model, *data())
    assert "first_uses" in text and "scatter_add" not in text
    exact = optimizer != "limited norm"  # a sum over the whole table, which is cut otherwise
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=0 if exact else 1e-4, atol=0 if exact else 1e-7)


def test_a_loop_of_the_users_own(executor: str) -> None:
    set_random_seed(1)
    embedding, optimizer = layers.Embedding(WORDS, WIDTH), optimizers.Adagrad(0.1)
    embedding.build()
    optimizer.build([embedding.embeddings])
    before = embedding.embeddings.numpy()

    @function
    def step(words: Any) -> Any:
        with GradientTape() as tape:
            loss = ops.sum(ops.square(embedding(words)))
        optimizer.apply(tape.gradient(loss, [embedding.embeddings]), [embedding.embeddings])
        return loss

    step(np.array([[3, 5, 3], [7, 3, 5]], np.int32))
    gradient = 2 * before * np.bincount([3, 5, 3, 7, 3, 5], minlength=WORDS)[:, None].astype("float32")
    expected = before - 0.1 * gradient / np.sqrt(0.1 + gradient**2 + 1e-7)
    np.testing.assert_allclose(embedding.embeddings.numpy(), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("make", [plain, shared, masked], ids=lambda make: make.__name__)
def test_as_interpreted(make: Callable[[], models.Model]) -> None:
    _, found = trained(make, "adagrad")
    config.interpret = True
    for a, b in zip(found, trained(make, "adagrad")[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("planner", [True, False])
def test_whatever_lay_in_memory(planner: bool) -> None:
    _, expected = trained(shared, "adagrad")
    config.poison, config.memory_planner = True, planner
    for a, b in zip(trained(shared, "adagrad")[1], expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_table_that_is_not_trained() -> None:
    def frozen() -> models.Model:
        return plain(trainable=False)

    set_random_seed(1)
    model, found = trained(frozen, "sgd")
    text = debug.optimized(model, *data())
    assert "replace_rows" not in text and "scatter_add" not in text
    np.testing.assert_array_equal(found[0], plain_start())


def plain_start() -> np.ndarray:
    set_random_seed(1)
    return plain(trainable=False).get_weights()[0]


@pytest.mark.parametrize("arguments", [{"embeddings_regularizer": "l2"}, {"embeddings_constraint": "unit_norm"}])
def test_penalties_and_constraints_need_all_rows(arguments: dict[str, str]) -> None:
    model, found = trained(lambda: plain(**arguments), "sgd")
    assert not touches_used_rows(model)
    assert (found[0] != plain_start()).any(1).all()


def test_rows_that_no_batch_names_stay() -> None:
    model, found = trained(plain, "sgd", words=30)
    moved = (found[0] != plain_start()).any(1)
    assert moved[:30].all() and not moved[30:].any()
    assert touches_used_rows(model)


@pytest.mark.parametrize("wrong", [-1, WORDS])
def test_a_number_out_of_range_stops_the_step(wrong: int) -> None:
    model, _ = trained(plain, "adagrad")
    before = [*model.get_weights(), *(v.numpy() for v in model.optimizer.variables)]
    x, y = data()
    x[3, 2] = wrong
    with pytest.raises(IndexRangeError):
        model.fit(x, y, batch_size=ROWS, verbose=0)
    for a, b in zip([*model.get_weights(), *(v.numpy() for v in model.optimizer.variables)], before, strict=True):
        np.testing.assert_array_equal(a, b)
