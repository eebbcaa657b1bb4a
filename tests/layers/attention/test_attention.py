"""Attention: Keras' numbers, masks, dropout, what cannot be, and training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lamina import layers, models, ops, optimizers
from lamina.base.config import config
from lamina.base.errors import ArgumentError, ShapeError
from lamina.layers.masks import mask_of
from lamina.random import set_random_seed
from tests.golden.digests import fill
from tests.golden.reference import run_traced
from tests.layers import sequences

CASES = sequences.cases("MultiHeadAttention", "GroupQueryAttention", "Attention", "AdditiveAttention")
X = fill((2, 5, 8), 0.4)
LENGTHS = np.arange(5) < np.array([[3], [5]])


@pytest.fixture(autouse=True)
def _one_seed() -> None:
    set_random_seed(7)


@pytest.mark.parametrize("case", CASES, ids=sequences.label)
def test_described_as_in_keras(case: Any) -> None:
    sequences.check_description(case)


@pytest.mark.parametrize("case", CASES, ids=sequences.label)
def test_values_and_gradients_of_keras(case: Any) -> None:
    sequences.check_values(case)


@pytest.mark.parametrize("case", CASES, ids=sequences.label)
def test_traced_as_eager(case: Any) -> None:
    sequences.check_traced(case)


def test_heads_attend_by_the_formula() -> None:
    layer = layers.MultiHeadAttention(2, 3)
    y, shares = layer(X, X, return_attention_scores=True)
    query, key, value, last = (
        (np.asarray(d.kernel), np.asarray(d.bias))
        for d in (layer.query_dense, layer.key_dense, layer.value_dense, layer.output_dense)
    )
    q, k, v = (np.einsum("btf,fhd->bthd", X, w) + b for w, b in (query, key, value))
    scores = np.einsum("bthd,bshd->bhts", q, k) / np.sqrt(3)
    expected = np.exp(scores - scores.max(-1, keepdims=True))
    expected /= expected.sum(-1, keepdims=True)
    np.testing.assert_allclose(shares, expected, rtol=1e-5, atol=1e-6)
    result = np.einsum("bhts,bshd,hdf->btf", expected, v, last[0]) + last[1]
    np.testing.assert_allclose(y, result, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(layer(X, X), y, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "make",
    [lambda: layers.MultiHeadAttention(2, 4), lambda: layers.GroupQueryAttention(4, 2, 1),
     lambda: layers.MultiHeadAttention(2, 4, dropout=0.5)],
)  # fmt: skip
def test_a_causal_mask_hides_what_comes_later(make: Any) -> None:
    layer = make()
    before = np.asarray(layer(X, X, use_causal_mask=True))
    changed = X.copy()
    changed[:, 3:] += 1.0
    after = np.asarray(layer(changed, changed, use_causal_mask=True))
    np.testing.assert_array_equal(after[:, :3], before[:, :3])
    assert np.abs(after[:, 3:] - before[:, 3:]).min() > 0


def test_padding_that_the_inputs_carry_is_left_out() -> None:
    embedding, attention = layers.Embedding(9, 8, mask_zero=True), layers.MultiHeadAttention(2, 4)
    short, padded = np.array([[3, 4, 5]]), np.array([[3, 4, 5, 0, 0]])
    x = embedding(padded)
    y = attention(x, x)
    np.testing.assert_allclose(np.asarray(y)[:, :3], attention(*[embedding(short)] * 2), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(mask_of(y), padded != 0)
    np.testing.assert_array_equal(mask_of(x), padded != 0)
    weighed = layers.Attention()([x, x])
    np.testing.assert_array_equal(np.asarray(weighed)[:, 3:], 0)
    np.testing.assert_allclose(
        np.asarray(weighed)[:, :3], layers.Attention()([embedding(short)] * 2), rtol=1e-5, atol=1e-6
    )


def test_a_target_that_sees_nothing_stays_finite() -> None:
    none = np.zeros((2, 5, 5), bool)
    layer = layers.MultiHeadAttention(2, 4)
    y, shares = layer(X, X, attention_mask=none, return_attention_scores=True)
    np.testing.assert_array_equal(shares, 0)
    assert np.isfinite(np.asarray(y)).all()
    assert np.isfinite(np.asarray(layer(X, X, attention_mask=none))).all()


@pytest.mark.parametrize("kind", ["MultiHeadAttention", "GroupQueryAttention", "Attention"])
def test_dropout_drops_shares_while_training(kind: str) -> None:
    options: dict[str, Any] = {"dropout": 0.5, "seed": 3}
    sizes = {"MultiHeadAttention": (2, 4), "GroupQueryAttention": (4, 2, 2), "Attention": ()}[kind]
    x = fill((20, 10, 8), 0.2)
    layer = getattr(layers, kind)(*sizes, **options)
    args = ([x, x],) if kind == "Attention" else (x, x)
    still = np.asarray(layer(*args))
    np.testing.assert_array_equal(still, layer(*args, training=False))
    first, second = (np.asarray(layer(*args, training=True)) for _ in range(2))
    assert np.abs(first - still).max() > 0.01
    assert np.abs(first - second).max() > 0.01
    again = getattr(layers, kind)(*sizes, **options)
    again(*args)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(*args, training=True), first)


def test_dropped_shares_are_the_share_that_was_asked_for() -> None:
    layer = layers.Attention(dropout=0.25, seed=1)
    x = np.zeros((30, 20, 4), "float32")
    _, shares = layer([x, x], training=True, return_attention_scores=True)
    assert abs((np.asarray(shares) == 0).mean() - 0.25) < 0.02
    kept = np.asarray(shares)[np.asarray(shares) > 0]
    np.testing.assert_allclose(kept, 1 / 20 / 0.75, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "mixed_bfloat16"])
def test_half_floats(dtype: str) -> None:
    full, half = layers.MultiHeadAttention(2, 4), layers.MultiHeadAttention(2, 4, dtype=dtype)
    expected = full(X, X, use_causal_mask=True)
    half.build(X.shape, X.shape)
    half.set_weights(full.get_weights())
    result = half(X, X, use_causal_mask=True)
    assert result.dtype == half.compute_dtype
    np.testing.assert_allclose(np.asarray(result, "float32"), expected, atol=0.05)


def test_open_numbers_of_steps() -> None:
    inputs, memory = layers.Input((None, 8)), layers.Input((None, 6))
    mixed = layers.MultiHeadAttention(2, 4)(inputs, memory)
    outputs = layers.GroupQueryAttention(4, 4, 2)(mixed, mixed, use_causal_mask=True)
    assert outputs.shape == (None, None, 8)
    model = models.Model([inputs, memory], outputs)
    z = fill((2, 7, 6), 0.3)
    assert model.predict([X, z], verbose=0).shape == (2, 5, 8)
    np.testing.assert_allclose(
        model.predict([X[:, :4], z[:, :3]], verbose=0), model([X[:, :4], z[:, :3]]), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(
    "options",
    [{}, {"use_causal_mask": True}, {"attention_mask": LENGTHS[:, None, :]}],
    ids=["plain", "causal", "masked"],
)
@pytest.mark.parametrize("kind", ["MultiHeadAttention", "GroupQueryAttention"])
def test_fit_compiled_as_interpreted(kind: str, options: Any) -> None:
    sizes = {"MultiHeadAttention": (2, 4), "GroupQueryAttention": (4, 4, 2)}[kind]
    x, y = fill((6, 5, 8), 0.2), fill((6, 5, 1), 0.7)
    masks = np.tile(LENGTHS, (3, 1))
    trained = []
    for interpret in (True, False):
        config.interpret = interpret
        inputs, mask = layers.Input((5, 8)), layers.Input((5,), dtype="bool")
        given = dict(options)
        if "attention_mask" in options:
            given["attention_mask"] = ops.expand_dims(mask, 1)
        attended = getattr(layers, kind)(*sizes, dropout=0.2, seed=4)(inputs, inputs, **given)
        model = models.Model([inputs, mask], layers.Dense(1)(attended))
        model.set_weights([0.3 * fill(w.shape, 1.0 + i) for i, w in enumerate(model.weights)])
        model.compile("sgd", loss="mean_squared_error")
        history = model.fit([x, masks], y, batch_size=4, epochs=2, shuffle=False, verbose=0)
        trained.append([np.array(history.history["loss"]), *model.get_weights(), model.predict([x, masks], verbose=0)])
    for interpreted, compiled in zip(*trained, strict=True):
        assert np.isfinite(interpreted).all()
        np.testing.assert_allclose(compiled, interpreted, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("make", [layers.Attention, layers.AdditiveAttention], ids=["dot", "additive"])
def test_attention_without_projections_in_fit(make: Any, executor: str) -> None:
    inputs = layers.Input((5, 8))
    hidden = layers.Dense(8)(inputs)
    outputs = layers.Dense(1)(make(use_scale=True, dropout=0.1, seed=2)([hidden, inputs], use_causal_mask=True))
    model = models.Model(inputs, outputs)
    model.compile(optimizers.Adam(0.01), loss="mse")
    x = fill((8, 5, 8), 0.1)
    losses = model.fit(x, x[:, :, :1], epochs=12, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_built_from_its_config() -> None:
    layer = layers.MultiHeadAttention(2, 4, value_dim=3)
    layer.build((None, 5, 8), (None, 7, 6))
    again = layers.MultiHeadAttention.from_config(layer.get_config())
    again.build_from_config(layer.get_build_config())
    assert [w.shape for w in again.weights] == [w.shape for w in layer.weights]


def test_each_projection_draws_its_own_kernel() -> None:
    layer = layers.MultiHeadAttention(2, 4, kernel_initializer="glorot_uniform")
    layer.build((None, 5, 8), (None, 5, 8))
    query, key = np.asarray(layer.query_dense.kernel), np.asarray(layer.key_dense.kernel)
    assert not np.array_equal(query, key)
    most = np.sqrt(6 / (8 + 8))  # 8 features onto 2 heads of 4
    assert 0.8 * most < np.abs(query).max() <= most


def test_gradient_of_a_traced_call_with_an_open_batch() -> None:
    layer = layers.MultiHeadAttention(2, 4)
    expected = layer(X, X)
    (result,) = run_traced(lambda t: layer(t, t), X)
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: layers.MultiHeadAttention(0, 4), ArgumentError, "num_heads must be a whole number of at least 1"),
        (lambda: layers.MultiHeadAttention(2, 2.5), ArgumentError, "key_dim must be a whole number"),
        (
            lambda: layers.MultiHeadAttention(2, 4, dropout=1.0),
            ArgumentError,
            "dropout must be a number from 0 to",
        ),
        (
            lambda: layers.MultiHeadAttention(2, 4, output_shape="x"),
            ArgumentError,
            "output_shape must be a whole",
        ),
        (lambda: layers.MultiHeadAttention(2, 4, sliding_window=0), ArgumentError, "sliding_window must be a whole"),
        (lambda: layers.GroupQueryAttention(4, 3, 2), ArgumentError, "must be a multiple of num_key_value_heads"),
        (lambda: layers.MultiHeadAttention(2, 4)(X, X, X[:, :3]), ShapeError, "the last two with the same steps"),
        (lambda: layers.MultiHeadAttention(2, 4)(X[0], X[0]), ShapeError, r"must be \(batch, steps, features\)"),
        (lambda: layers.Attention(score_mode="product"), ArgumentError, "score_mode must be 'dot' or 'concat'"),
        (lambda: layers.Attention()(X), ArgumentError, r"takes a list \[query, value\] or"),
        (lambda: layers.Attention()([X]), ArgumentError, "Received: a list of 1"),
        (lambda: layers.Attention()([X, X], mask=LENGTHS), ArgumentError, "mask must be a list"),
    ],
)
def test_what_cannot_be(call: Any, kind: Any, message: str) -> None:
    with pytest.raises(kind, match=message):
        call()
