"""Transformer blocks: against a plain NumPy computation, with and without caches, masks, configs, errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

import lamina as keras
from lamina import layers, ops
from lamina.base.errors import ArgumentError, ShapeError


def normalized(x, layer):
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    return scaled * layer.gamma.numpy() + layer.beta.numpy()


def attended(layer, query, source, mask):
    """`mask`: bools that broadcast to `(batch, heads, targets, sources)`."""
    q, k, v = (
        np.einsum("bsf,fhd->bshd", x, dense.kernel.numpy()) + dense.bias.numpy()
        for x, dense in ((query, layer.query_dense), (source, layer.key_dense), (source, layer.value_dense))
    )
    scores = np.where(mask, np.einsum("bthd,bshd->bhts", q, k) / math.sqrt(q.shape[-1]), -1e9)
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    shares = powers / powers.sum(-1, keepdims=True)
    values = np.einsum("bhts,bshd->bthd", shares, v)
    return np.einsum("bthd,hdf->btf", values, layer.output_dense.kernel.numpy()) + layer.output_dense.bias.numpy()


def fed_forward(layer, x):
    inner, outer = layer._feedforward_intermediate_dense, layer._feedforward_output_dense
    hidden = np.maximum(x @ inner.kernel.numpy() + inner.bias.numpy(), 0)
    return hidden @ outer.kernel.numpy() + outer.bias.numpy()


def part(x, norm, first, compute):
    return x + compute(normalized(x, norm)) if first else normalized(x + compute(x), norm)


def data(rng, *shape):
    return rng.standard_normal(shape).astype("float32")


def with_other_biases(layer, rng):
    """Weights that a wrong use of a bias or a norm would show."""
    layer.set_weights([w + 0.3 * rng.standard_normal(w.shape).astype("float32") for w in layer.get_weights()])
    return layer


@pytest.mark.parametrize("first", [False, True])
def test_encoder_computes_what_it_says(rng, first, executor):
    layer, x = layers.TransformerEncoder(7, 2, normalize_first=first), data(rng, 2, 5, 6)
    layer.build(x.shape)
    with_other_biases(layer, rng)
    padding = np.array([[True] * 5, [True, True, True, False, False]])
    mask = padding[:, None, None]
    attention = layer._self_attention_layer
    expected = part(x, layer._self_attention_layer_norm, first, lambda y: attended(attention, y, y, mask))
    expected = part(expected, layer._feedforward_layer_norm, first, lambda y: fed_forward(layer, y))
    found = keras.function(lambda x, mask: layer(x, padding_mask=mask))(x, padding)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    carried = layers.Masking()(np.where(padding[..., None], x, 0).astype("float32"))
    np.testing.assert_allclose(np.asarray(layer(carried))[0], expected[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("first", [False, True])
def test_decoder_with_an_encoder_computes_what_it_says(rng, first, executor):
    layer, x, e = layers.TransformerDecoder(7, 2, normalize_first=first), data(rng, 2, 4, 6), data(rng, 2, 3, 5)
    layer.build(x.shape, e.shape)
    with_other_biases(layer, rng)
    causal, known = np.tril(np.ones((4, 4), bool)), np.array([[True] * 3, [True, True, False]])
    own, cross = layer._self_attention_layer, layer._cross_attention_layer
    expected = part(x, layer._self_attention_layer_norm, first, lambda y: attended(own, y, y, causal))
    expected = part(
        expected, layer._cross_attention_layer_norm, first, lambda y: attended(cross, y, e, known[:, None, None])
    )
    expected = part(expected, layer._feedforward_layer_norm, first, lambda y: fed_forward(layer, y))
    found = keras.function(lambda x, e, mask: layer(x, e, encoder_padding_mask=mask))(x, e, known)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("steps", [1, 2])
def test_steps_with_a_cache_give_what_the_whole_sequence_gives(rng, steps, executor):
    layer, x = layers.TransformerDecoder(8, 2, normalize_first=True), data(rng, 2, 6, 8)
    whole = np.asarray(layer(x))

    @keras.function
    def step(x, cache, index):
        return layer(x, self_attention_cache=cache, self_attention_cache_update_index=index)

    cache, found = ops.zeros((2, 2, 6, 2, 4)), []
    for index in range(0, 6, steps):
        y, cache = step(x[:, index : index + steps], cache, np.int32(index))
        found.append(np.asarray(y))
    np.testing.assert_allclose(np.concatenate(found, axis=1), whole, rtol=1e-4, atol=1e-5)


def as_pair(cache):
    """A cache as KerasHub has it in the form of a pair."""
    return tuple(np.ascontiguousarray(np.transpose(cache[:, place], (0, 2, 1, 3))) for place in (0, 1))


@pytest.mark.parametrize(("steps", "index"), [(1, 0), (1, 5), (1, 70), (3, 0), (3, 64)])
@pytest.mark.parametrize("window", [None, 4])
def test_both_forms_of_a_cache_and_a_causal_mask(rng, steps, index, window, executor):
    """The place of the new steps as a number and as a tensor; what comes after them in the cache is not seen."""
    layer = layers.CachedMultiHeadAttention(2, 4, sliding_window=window)
    x, cache = data(rng, 2, steps, 8), data(rng, 2, 2, 90, 2, 4)
    layer.build(x.shape, x.shape)
    with_other_biases(layer, rng)
    mask = rng.random((2, steps, 90)) < 0.7
    mask[:, :, index] = True
    whole = cache.copy()
    whole[:, 0, index : index + steps] = layer.key_dense(x)
    whole[:, 1, index : index + steps] = layer.value_dense(x)
    rows, columns = index + np.arange(steps)[:, None], np.arange(90)
    seen = (rows >= columns) & (np.abs(rows - columns) < (window or 90)) & mask
    scores = np.einsum("bthd,bshd->bhts", layer.query_dense(x), whole[:, 0]) / 2
    powers = np.where(seen[:, None], np.exp(scores), 0)
    values = np.einsum("bhts,bshd->bthd", powers / powers.sum(-1, keepdims=True), whole[:, 1])
    expected = np.asarray(layer.output_dense(values.astype("float32")))

    def call(x, mask, cache, at):
        return layer(x, x, attention_mask=mask, cache=cache, cache_update_index=at, use_causal_mask=True)

    for way in (call, keras.function(call), keras.function(lambda x, m, c, _: call(x, m, c, index))):
        found, after = way(x, mask, cache, np.int32(index))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(after, whole, rtol=1e-5, atol=1e-6)
        found, after = way(x, mask, as_pair(cache), np.int32(index))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(after, as_pair(whole), rtol=1e-5, atol=1e-6)


def test_gradients_go_through_a_cache(rng):
    layer, x = layers.TransformerDecoder(8, 2), data(rng, 1, 3, 8)
    layer.build(x.shape)

    def by_steps(x):
        cache, found = (ops.zeros((1, 2, 80, 4)),) * 2, []
        for index in range(3):
            step = ops.convert_to_tensor(np.int32(index))
            y, cache = layer(
                x[:, index : index + 1], self_attention_cache=cache, self_attention_cache_update_index=step
            )
            found.append(y)
        return ops.concatenate(found, axis=1)

    def gradient(f):
        def run(x):
            with keras.GradientTape() as tape:
                tape.watch(x)
                total = ops.sum(f(x) ** 3)
            return tape.gradient(total, x)

        return keras.function(run)(x)

    np.testing.assert_allclose(gradient(by_steps), gradient(layer), rtol=1e-3, atol=1e-4)


def test_a_cache_of_the_encoder_is_filled_once(rng):
    layer, x, e = layers.TransformerDecoder(8, 2), data(rng, 2, 4, 8), data(rng, 2, 3, 8)
    whole = np.asarray(layer(x, e))
    own, cross, found = ops.zeros((2, 2, 4, 2, 4)), ops.zeros((2, 2, 3, 2, 4)), []
    for index in range(4):
        y, own, cross = layer(
            x[:, index : index + 1], e if index == 0 else None, self_attention_cache=own,
            self_attention_cache_update_index=index, cross_attention_cache=cross,
            cross_attention_cache_update_index=0 if index == 0 else None,
        )  # fmt: skip
        found.append(np.asarray(y))
    np.testing.assert_allclose(np.concatenate(found, axis=1), whole, rtol=1e-4, atol=1e-5)
    projected = layer._cross_attention_layer.keys_and_values(ops.convert_to_tensor(e))
    np.testing.assert_allclose(cross, projected, rtol=1e-5)


def test_decoder_sees_no_later_step_and_no_padding(rng):
    layer, x = layers.TransformerDecoder(8, 2), data(rng, 1, 5, 8)
    other = x.copy()
    other[:, 3:] += 1
    np.testing.assert_allclose(np.asarray(layer(x))[:, :3], np.asarray(layer(other))[:, :3], rtol=1e-5, atol=1e-6)
    assert not np.allclose(np.asarray(layer(x, use_causal_mask=False))[:, 0], np.asarray(layer(x))[:, 0])
    keep = np.array([[True, True, False, True, True]])
    other = x.copy()
    other[:, 2] += 1
    first, second = (np.asarray(layer(v, decoder_padding_mask=keep))[:, 3:] for v in (x, other))
    np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-6)
    mask = np.eye(5, dtype=bool)[None]
    alone = np.asarray(layer(x, decoder_attention_mask=mask))
    np.testing.assert_allclose(alone[:, 2:3], layer(x[:, 2:3]), rtol=1e-4, atol=1e-5)


def test_attention_scores_on_request(rng):
    layer, x = layers.TransformerEncoder(8, 2), data(rng, 2, 3, 8)
    y, scores = layer(x, return_attention_scores=True)
    assert scores.shape == (2, 2, 3, 3)
    np.testing.assert_allclose(np.asarray(scores).sum(-1), 1, rtol=1e-5)
    np.testing.assert_allclose(y, layer(x), rtol=1e-4, atol=1e-5)


def test_blocks_train_in_a_functional_model(rng):
    tokens = rng.integers(1, 9, (64, 6))
    inputs = keras.Input((6,), dtype="int32")
    x = layers.Embedding(9, 8, mask_zero=True)(inputs)
    x = layers.TransformerEncoder(16, 2, dropout=0.1)(x)
    x = layers.TransformerDecoder(16, 2, dropout=0.1)(x, layers.Embedding(9, 8)(inputs))
    model = keras.Model(inputs, layers.Dense(9)(x))
    model.compile(keras.optimizers.Adam(0.01), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    losses = model.fit(tokens, tokens, batch_size=24, epochs=12, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("kind", [layers.TransformerEncoder, layers.TransformerDecoder])
def test_configs(kind):
    layer = kind(8, 2, dropout=0.1, activation="gelu", kernel_initializer="he_normal", normalize_first=True, name="b")
    again = layers.deserialize(layers.serialize(layer))
    assert again.get_config() == layer.get_config()
    assert again.compute_output_shape((None, 4, 6)) == (None, 4, 6)


def test_errors(rng):
    x, e = data(rng, 1, 3, 8), data(rng, 1, 2, 8)
    with pytest.raises(ArgumentError, match="num_heads must be at most the features"):
        layers.TransformerEncoder(8, 9)(x)
    with pytest.raises(ArgumentError, match="intermediate_dim"):
        layers.TransformerEncoder(0, 2)
    with pytest.raises(ArgumentError, match="dropout"):
        layers.TransformerDecoder(8, 2, dropout=1.5)
    with pytest.raises(ShapeError, match=r"takes inputs of shape \(batch, steps, features\)"):
        layers.TransformerDecoder(8, 2)(x[0])
    with pytest.raises(ShapeError, match="padding_mask must have shape"):
        layers.TransformerEncoder(8, 2)(x, padding_mask=np.ones((1, 3, 3), bool))
    alone, both = layers.TransformerDecoder(8, 2), layers.TransformerDecoder(8, 2)
    alone(x)
    both(x, e)
    with pytest.raises(ArgumentError, match="was built without encoder_sequence"):
        alone(x, e)
    with pytest.raises(ArgumentError, match="needs it, or a cross_attention_cache"):
        both(x)
    with pytest.raises(ArgumentError, match="come together"):
        both(x, e, self_attention_cache=np.zeros((1, 2, 3, 2, 4), "float32"), self_attention_cache_update_index=0)
    with pytest.raises(ArgumentError, match="cache is None"):
        alone(x, self_attention_cache_update_index=0)
    with pytest.raises(ArgumentError, match="a cache of 4 steps has no room for 3 from cache_update_index=2"):
        alone(x, self_attention_cache=np.zeros((1, 2, 4, 2, 4), "float32"), self_attention_cache_update_index=2)
    with pytest.raises(ShapeError, match=r"must have the shapes \(batch, 2, steps, 4\)"):
        pair = (np.zeros((1, 2, 3, 4), "float32"), np.zeros((1, 2, 4, 4), "float32"))
        alone(x, self_attention_cache=pair, self_attention_cache_update_index=0)
    with pytest.raises(ShapeError, match=r"cache must have shape \(batch, 2, steps, 2, 4\)"):
        alone(x, self_attention_cache=np.zeros((1, 2, 3, 4, 4), "float32"), self_attention_cache_update_index=0)
