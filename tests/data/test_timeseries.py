"""Windows of series: what Keras 3.15 gives, and training on them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lamina import data, layers, models, utils
from lamina.base.errors import ArgumentError, DataError

SERIES, TARGETS = np.arange(20.0), np.arange(100.0, 115.0)


def windows(*arguments: Any, **options: Any) -> data.TimeSeries:
    return utils.timeseries_dataset_from_array(*arguments, **options)


@pytest.mark.parametrize(
    ("options", "targets", "starts", "step"),
    [
        ({"sequence_length": 4}, None, range(17), 1),
        ({"sequence_length": 4}, TARGETS, range(15), 1),
        ({"sequence_length": 3, "sequence_stride": 4, "sampling_rate": 2}, TARGETS, [0, 4, 8, 12], 2),
        ({"sequence_length": 3, "start_index": 4, "end_index": 12, "sequence_stride": 2}, TARGETS, [4, 6, 8], 1),
    ],
)
def test_as_keras(options: dict[str, int], targets: Any, starts: Any, step: int) -> None:
    (batch,) = windows(SERIES, targets, **options)
    length = options["sequence_length"]
    np.testing.assert_array_equal(batch[0], [[start + step * i for i in range(length)] for start in starts])
    assert len(batch) == 1 if targets is None else batch[1].tolist() == [100.0 + start for start in starts]


def test_batches_and_order() -> None:
    dataset = windows(SERIES, None, 4, batch_size=5, shuffle=True, seed=3)
    seen = [np.concatenate([x[:, 0] for (x,) in dataset]).tolist() for _ in range(2) if not dataset.on_epoch_end()]
    assert len(dataset) == 4 and seen[0] != seen[1]
    assert sorted(seen[0]) == sorted(seen[1]) == list(range(17))
    x, y = windows(np.ones((9, 2)), np.arange(9), 3).arrays()
    assert x.shape == (7, 3, 2) and y.tolist() == list(range(7))


def test_fit_on_windows() -> None:
    wave = np.sin(np.arange(200) / 5).astype("float32")[:, None]
    dataset = windows(wave[:-8], wave[8:], 8, batch_size=32, shuffle=True, seed=1)
    model = models.Sequential([layers.Input((8, 1)), layers.Flatten(), layers.Dense(1)])
    model.compile("adam", "mse")
    model.optimizer.learning_rate = 0.05
    history = model.fit(dataset, epochs=10, verbose=0).history["loss"]
    assert history[-1] < 0.05 < history[0]
    assert model.evaluate(*dataset.arrays(), verbose=0) == pytest.approx(model.evaluate(dataset, verbose=0), rel=1e-5)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: windows(SERIES, None, 0), ArgumentError, "sequence_length must be a whole number"),
        (lambda: windows(SERIES, None, 4, batch_size=None), ArgumentError, "batch_size must be"),
        (lambda: windows(SERIES, None, 4, start_index=30), ArgumentError, "start_index must lie within the 20 steps"),
        (lambda: windows(SERIES, None, 4, start_index=9, end_index=5), ArgumentError, "must be below end_index"),
        (lambda: windows(SERIES, None, 21), DataError, "no window of 21 steps"),
        (lambda: windows(SERIES, None, 4)[9], IndexError, "has 3 batches|has 1 batches"),
    ],
)
def test_what_cannot_be(call: Any, kind: Any, message: str) -> None:
    with pytest.raises(kind, match=message):
        call()
