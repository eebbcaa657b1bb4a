"""Data that comes batch by batch."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lamina.base.errors import DataError
from lamina.data import ArrayData, BatchSource, PyDataset
from lamina.data.batches import ArrayBatches, is_batch_source


def batch(n: int = 2, value: float = 0.0):
    return np.full((n, 3), value), np.zeros(n)


class Numbered(PyDataset):
    def __init__(self, count: int):
        super().__init__()
        self.count = count
        self.epochs = []

    num_batches = property(lambda self: self.count)

    def __getitem__(self, index):
        return batch(value=index)

    def on_epoch_begin(self):
        self.epochs.append("begin")

    def on_epoch_end(self):
        self.epochs.append("end")


def firsts(source: BatchSource) -> list[float]:
    return [b.inputs[0][0, 0] for b in source.epoch()]


def test_what_counts_as_batches():
    assert is_batch_source(iter([batch()]))
    assert is_batch_source(batch() for _ in range(2))
    assert is_batch_source(Numbered(2))
    for data in ([batch()], (1, 2), np.zeros(3), pd.DataFrame({"a": [1]}), {"a": 1}, None, "text"):
        assert not is_batch_source(data)


def test_an_indexed_dataset_is_read_anew_each_epoch():
    data = Numbered(3)
    source = BatchSource(data)
    assert source.steps == 3
    assert firsts(source) == firsts(source) == [0, 1, 2]
    assert data.epochs == ["begin", "end"] * 2


def test_a_peeked_batch_is_not_lost():
    source = BatchSource(batch(value=i) for i in range(2))
    assert source.peek().inputs[0][0, 0] == 0
    assert firsts(source) == [0, 1]
    assert source.steps == 2, "learnt from the first epoch"


def test_steps_of_an_iterable_continue_over_epochs():
    class Five:
        def __iter__(self):
            return (batch(value=i) for i in range(5))

    source = BatchSource(Five(), steps=3)
    assert [firsts(source) for _ in range(3)] == [[0, 1, 2], [3, 4, 0], [1, 2, 3]]


def test_a_generator_that_runs_dry():
    source = BatchSource((batch() for _ in range(3)), steps=2)
    firsts(source)
    with pytest.raises(DataError, match=r"ran dry after 3 batches in all, 1 of them in this epoch; 2 batches for each"):
        firsts(source)
    once = BatchSource(batch() for _ in range(2))
    firsts(once)
    with pytest.raises(DataError, match="A generator can be read only once"):
        firsts(once)


def test_no_batches_at_all():
    with pytest.raises(DataError, match=r"x \(generator\) gave no batch at all"):
        BatchSource(b for b in ()).peek()


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ((np.zeros((2, 3)),), r"Batch 1 .* Expected: x of rank 2 and y of rank 1\. Received: x of rank 2\."),
        ((np.zeros(2), np.zeros(2)), "Received: x of rank 1 and y of rank 1"),
        ((1, 2, 3, 4), "Batch 1 is a tuple of 4 items"),
        ((np.zeros((2, 3)), np.zeros(5)), r"Batch 1 of x \(list_iterator\): All data must have the same number"),
        ((np.array(["a", "b"]), np.zeros(2)), "Batch 1 .*text"),
    ],
)
def test_batches_of_wrong_structure(second, message):
    source = BatchSource(iter([batch(), second]))
    with pytest.raises(DataError, match=message):
        firsts(source)


def test_array_batches_go_round():
    data = ArrayData.of(np.arange(5.0)[:, None], np.arange(5))
    source = BatchSource(ArrayBatches(data, batch_size=2, shuffle=False), steps=2)
    assert [[len(b.y) for b in source.epoch()] for _ in range(2)] == [[2, 2], [1, 2]]
    shuffled = BatchSource(ArrayBatches(data, batch_size=2, shuffle=True), steps=3)
    assert sorted(v for b in shuffled.epoch() for v in b.y) == [0, 1, 2, 3, 4]
