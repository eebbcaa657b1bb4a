"""Labels without places in time: by the definition, by numbers of Keras 3.15 and PyTorch, in programs, and decoded."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from lamina import layers, losses, models, ops
from lamina.base.errors import ArgumentError, DataError, ShapeError
from lamina.tensor import GradientTape, TensorSpec, Variable, function

LOGITS = np.array(
    [[[2.04, -2.56, 0.42, -0.57], [-0.45, -0.22, -2.02, -0.23], [-0.87, 3.32, 0.23, -0.35],
      [-0.28, -0.67, -1.06, -0.39], [0.48, -0.24, 0.96, -0.2], [0.02, 1.55, 0.55, -0.51]],
     [[-0.18, 0.54, 1.94, -0.27], [-0.24, 1.0, -0.89, -0.29], [0.88, 0.58, 0.09, 0.67],
      [-2.83, 1.02, -0.96, -1.67], [0.28, 0.7, -0.44, -1.08], [0.03, -0.05, 1.41, 0.75]],
     [[0.19, 1.11, -0.21, -0.93], [0.58, 0.58, -0.21, -0.78], [0.23, -2.49, 0.69, 0.49],
      [-1.64, 0.06, -0.96, 0.76], [-2.03, -0.91, 0.71, 1.16], [-2.16, -0.5, 0.33, -0.61]]], "float32",
)  # fmt: skip
LABELS = np.array([[1, 2, 2], [3, 1, 0], [2, 0, 0]])
COUNTS, STEPS = np.array([3, 2, 1]), np.array([6, 5, 3])
EXPECTED = [5.3215399, 3.5860133, 2.4372010]


def read_off(classes: tuple[int, ...], blank: int) -> tuple[int, ...]:
    return tuple(c for c, _ in itertools.groupby(classes) if c != blank)


def by_definition(labels: Any, logits: np.ndarray, blank: int) -> float:
    """The chances of all readings, one after the other."""
    shares = np.exp(logits.astype("float64"))
    shares /= shares.sum(-1, keepdims=True)
    steps, classes = shares.shape
    total = sum(
        np.prod(shares[range(steps), reading])
        for reading in itertools.product(range(classes), repeat=steps)
        if read_off(reading, blank) == tuple(labels)
    )
    return float(-np.log(total)) if total else np.inf


def test_as_keras(executor: str) -> None:
    np.testing.assert_allclose(ops.ctc_loss(LABELS, LOGITS, COUNTS, STEPS), EXPECTED, rtol=1e-6)
    compiled = function(lambda y, x: ops.ctc_loss(y, x, COUNTS, STEPS))
    np.testing.assert_allclose(compiled(LABELS, LOGITS), EXPECTED, rtol=1e-6)
    other = ops.ctc_loss([[1, 2, 2], [0, 1, 0], [2, 0, 0]], LOGITS, COUNTS, STEPS, mask_index=3)
    np.testing.assert_allclose(other, [8.3700438, 3.8775401, 3.3693099], rtol=1e-6)


def test_dtypes() -> None:
    for dtype, wanted in (("float16", "float32"), ("bfloat16", "float32"), ("float32", "float32"), ("float64",) * 2):
        found = ops.ctc_loss(LABELS, ops.cast(LOGITS, dtype), COUNTS, STEPS)
        assert found.dtype == wanted
        np.testing.assert_allclose(found, EXPECTED, rtol=2e-2)
        assert ops.ctc_decode(ops.cast(LOGITS, dtype), STEPS)[1].dtype == wanted


@pytest.mark.parametrize("labels", [(), (1,), (1, 1), (1, 2), (2, 1, 2), (1, 1, 1)])
@pytest.mark.parametrize("blank", [0, 3])
def test_by_its_definition(labels: tuple[int, ...], blank: int, rng: np.random.Generator) -> None:
    logits = rng.normal(size=(1, 5, 4)).astype("float32")
    padded = np.array([(*labels, 9)])  # what follows is of no concern
    for steps in (0, 2, 5):
        found = ops.ctc_loss(padded, logits, [len(labels)], [steps], mask_index=blank)
        np.testing.assert_allclose(found, by_definition(labels, logits[0, :steps], blank), rtol=1e-5, atol=1e-6)


def gradient(logits: Any, labels: Any = LABELS, counts: Any = COUNTS, steps: Any = STEPS) -> Any:
    with GradientTape() as tape:
        tape.watch(logits)
        value = ops.sum(ops.ctc_loss(labels, logits, counts, steps))
    return tape.gradient(value, logits)


def test_the_gradient_is_that_of_keras_and_of_differences(executor: str) -> None:
    found = np.asarray(gradient(Variable(LOGITS)))
    compiled = np.asarray(function(lambda x: gradient(x))(LOGITS))
    np.testing.assert_allclose(compiled, found, atol=1e-6)
    expected = [[-0.432388, 0.556891, -0.196915, 0.072412], [-0.166132, 0.368935, -0.297494, 0.094691],
                [-0.085654, 0.01669, -0.259633, 0.328596]]  # fmt: skip
    np.testing.assert_allclose(found[2, :3], expected, atol=2e-6)
    assert not found[2, 3:].any() and not found[1, 5:].any()
    wide, small = LOGITS.astype("float64"), 1e-6
    for place in [(0, 0, 0), (0, 3, 2), (1, 2, 3)]:
        up, down = wide.copy(), wide.copy()
        up[place] += small
        down[place] -= small
        rise = sum(float(ops.sum(ops.ctc_loss(LABELS, x, COUNTS, STEPS))) * s for x, s in ((up, 1), (down, -1)))
        assert found[place] == pytest.approx(rise / (2 * small), abs=1e-5)


def test_what_cannot_be_costs_infinity_and_has_no_gradient(executor: str) -> None:
    logits = LOGITS[:1, :3]
    assert np.asarray(ops.ctc_loss([[1, 1, 1]], logits, [3], [3])).tolist() == [np.inf]
    assert not np.asarray(gradient(Variable(logits), [[1, 1, 1]], [3], [3])).any()


def test_certain_and_endless_logits_stay_finite(executor: str) -> None:
    logits = np.full((1, 4, 3), -np.inf, "float32")
    logits[0, range(4), [1, 0, 1, 2]] = 0.0
    found = function(lambda x: (ops.ctc_loss([[1, 1, 2]], x, [3], [4]), gradient(x, [[1, 1, 2]], [3], [4])))(logits)
    np.testing.assert_allclose(found[0], 0.0, atol=1e-6)
    assert np.isfinite(np.asarray(found[1])).all()
    far = (LOGITS * 1000).astype("float32")
    assert np.isfinite(np.asarray(ops.ctc_loss(LABELS, far, COUNTS, STEPS))).all()
    assert np.isfinite(np.asarray(gradient(Variable(far)))).all()


def test_as_pytorch_on_long_sequences() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(4, 300, 20)).astype("float32"), rng.integers(1, 20, (4, 40))
    given = torch.tensor(logits, requires_grad=True)
    lengths = torch.tensor([300, 250, 200, 90]), torch.tensor([40, 30, 1, 20])
    value = torch.nn.functional.ctc_loss(
        given.log_softmax(-1).transpose(0, 1), torch.tensor(labels), *lengths, reduction="none"
    )
    value.sum().backward()
    found = ops.ctc_loss(labels, logits, lengths[1].numpy(), lengths[0].numpy())
    np.testing.assert_allclose(found, value.detach().numpy(), rtol=1e-5)


def test_the_loss_takes_padding_and_masks() -> None:
    np.testing.assert_allclose(float(losses.CTC()(LABELS, LOGITS)), 5.6093273, rtol=1e-6)
    each = losses.CTC(reduction="none")(LABELS.astype("float32"), LOGITS)
    np.testing.assert_allclose(each, [5.3215399, 5.2046871, 6.3017550], rtol=1e-6)
    np.testing.assert_allclose(losses.ctc(LABELS, LOGITS), each, rtol=1e-6)
    masked = layers.Masking(mask_value=9.0)(np.where(np.arange(6)[:, None] < STEPS[:, None, None], LOGITS, 9.0))
    np.testing.assert_allclose(losses.CTC(reduction="none")(LABELS, masked), EXPECTED, rtol=1e-5)
    assert losses.get("ctc") is losses.ctc and losses.CTC.from_config(losses.CTC().get_config()).name == "ctc"
    with pytest.raises(ShapeError, match=r"y_true must be labels \(batch, labels\)"):
        losses.CTC()(LABELS[0], LOGITS)


def test_a_model_learns_to_write_what_it_hears() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(1, 5, (64, 3))
    x = np.zeros((64, 12, 5), "float32")
    for row, word in enumerate(labels):
        for place, label in enumerate(word):
            start = 4 * place + rng.integers(0, 2)
            x[row, start : start + 2, label] = 1.0
    model = models.Sequential([layers.Input((12, 5)), layers.Conv1D(16, 3, padding="same"), layers.Dense(5)])
    model.compile("adam", "ctc")
    model.optimizer.learning_rate = 0.02
    history = model.fit(x, labels, epochs=60, verbose=0).history["loss"]
    assert history[-1] < 0.3 < history[0]
    logits = model.predict(x, verbose=0)
    for strategy in ("greedy", "beam_search"):
        decoded = np.asarray(ops.ctc_decode(logits, np.full(64, 12), strategy, beam_width=10)[0])[0]
        assert np.mean((decoded[:, :3] == labels).all(1) & (decoded[:, 3] == -1)) > 0.95
    with pytest.raises(DataError, match=r"label 5 in row .* the model's output has 5 classes"):
        model.evaluate(x, labels + 1, verbose=0)


@pytest.mark.parametrize(
    ("merge", "blank", "expected"),
    [
        (True, 0, [[1, 2, 1], [2, 1, 1], [1, 2]]),
        (True, 3, [[0, 1, 0, 2, 1], [2, 1, 0, 1], [1, 0, 2]]),
        (False, 0, [[1, 1, 2, 1], [2, 1, 1, 1], [1, 2]]),
    ],
)
def test_greedy_reading_as_keras(merge: bool, blank: int, expected: list[list[int]], executor: str) -> None:
    rows = [[*row, *[-1] * (6 - len(row))] for row in expected]

    def decode(x: Any) -> Any:
        return ops.ctc_decode(x, STEPS, merge_repeated=merge, mask_index=blank)

    for labels, scores in (decode(LOGITS), function(decode)(LOGITS)):
        np.testing.assert_array_equal(labels, [rows])
        np.testing.assert_allclose(scores, [[-7.37], [-5.54], [-2.38]], rtol=1e-6)
        assert labels.dtype == "int32"


def test_search_as_keras() -> None:
    labels, scores = ops.ctc_decode(LOGITS, STEPS, "beam_search", top_paths=3)
    expected = [[[1, 2, 1], [2, 1], [1, 2]], [[1, 2], [2, 3, 1], [1, 3]], [[3, 1, 2, 1], [2, 1, 1], [1]]]
    rows = [[[*row, *[-1] * (6 - len(row))] for row in path] for path in expected]
    np.testing.assert_array_equal(labels, rows)
    values = [[-2.2916915, -2.6884372, -2.7169657], [-1.9818656, -2.3671961, -2.4664850],
              [-1.3515832, -1.6470469, -2.0324183]]  # fmt: skip
    np.testing.assert_allclose(scores, values, rtol=1e-6)


def test_a_wide_search_finds_the_chances_of_the_definition() -> None:
    labels, scores = ops.ctc_decode(LOGITS[:1, :4], [4], "beam_search", beam_width=400, top_paths=5)
    for path, score in zip(np.asarray(labels)[:, 0], np.asarray(scores)[0], strict=True):
        word = tuple(int(k) for k in path if k >= 0)
        assert -score == pytest.approx(by_definition(word, LOGITS[0, :4], 0), rel=1e-5)


@pytest.mark.parametrize(("width", "paths"), [(1, 1), (3, 2), (8, 4), (100, 5)])
def test_search_in_programs(width: int, paths: int, rng: np.random.Generator, executor: str) -> None:
    """The same as at once: wide and narrow searches, for samples of all lengths, in programs of open sizes too."""

    def decode(x: Any, lengths: Any) -> Any:
        return ops.ctc_decode(x, lengths, "beam_search", width, paths, mask_index=1)

    program = function(decode)
    opened = [TensorSpec(("batch", "steps", 4), "float32"), TensorSpec(("batch",), "int64")]
    for run, steps in ((program, 9), (function(decode, input_signature=opened), 7)):
        logits = (2 * rng.standard_normal((5, steps, 4))).astype("float32")
        lengths = np.array([steps, 0, 1, steps - 2, 3])
        expected, chances = decode(logits, lengths)
        labels, scores = run(logits, lengths)
        assert labels.dtype == expected.dtype == "int32"
        np.testing.assert_array_equal(labels, expected)
        np.testing.assert_allclose(scores, chances, rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: ops.ctc_loss(LABELS, LOGITS[0], COUNTS, STEPS), ShapeError, r"output must be logits .* \(6, 4\)"),
        (lambda: ops.ctc_loss(LABELS[0], LOGITS, COUNTS, STEPS), ShapeError, "target must have the shape"),
        (lambda: ops.ctc_loss(LABELS[:2], LOGITS, COUNTS, STEPS), ShapeError, "one batch size"),
        (lambda: ops.ctc_loss(LABELS, LOGITS, COUNTS, [6.0, 5.0, 3.0]), ArgumentError, "output_length must be whole"),
        (
            lambda: ops.ctc_loss(LABELS, LOGITS, COUNTS, STEPS, mask_index=4),
            ArgumentError,
            "mask_index must be a class",
        ),
        (lambda: ops.ctc_decode(LOGITS, STEPS, "widest"), ArgumentError, "strategy must be 'greedy' or 'beam_search'"),
        (lambda: ops.ctc_decode(LOGITS, STEPS, "beam_search", beam_width=0), ArgumentError, "beam_width must be"),
        (lambda: ops.ctc_decode(LOGITS, STEPS, "beam_search", 2, 3), ArgumentError, "must not be more than"),
        (
            lambda: ops.ctc_decode(LOGITS, STEPS, "beam_search", mask_index=4),
            ArgumentError,
            "mask_index must be a class from 0 to 3",
        ),
    ],
)
def test_what_cannot_be(call: Any, kind: Any, message: str) -> None:
    with pytest.raises(kind, match=message):
        call()
