from __future__ import annotations

from importlib import resources

import numpy as np

from lamina.datasets import digits


def test_shapes_dtypes_and_range():
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    assert (x_train.shape, y_train.shape) == ((1442, 8, 8), (1442,))
    assert (x_test.shape, y_test.shape) == ((355, 8, 8), (355,))
    assert {a.dtype.name for a in (x_train, y_train, x_test, y_test)} == {"uint8"}
    assert (x_train.min(), x_train.max()) == (0, 16)
    assert set(y_train) == set(y_test) == set(range(10))


def test_split_is_balanced_and_disjoint():
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    counts = np.bincount(y_test)
    assert counts.max() - counts.min() <= 2
    assert np.bincount(y_train).min() >= 4 * counts.min()
    rows = {x.tobytes() for x in x_train}
    assert sum(x.tobytes() in rows for x in x_test) == 0, "an image stands in both parts"


def test_first_images_are_the_originals():
    (x_train, y_train), _ = digits.load_data()
    assert list(y_train[:10]) == list(range(10))
    assert list(x_train[0, 0]) == [0, 0, 5, 13, 9, 1, 0, 0]


def test_each_call_gives_arrays_of_its_own():
    first, _ = digits.load_data()
    first[0][:] = 99
    again, _ = digits.load_data()
    assert again[0].max() == 16


def test_licence_travels_with_the_data():
    text = resources.files("lamina.datasets").joinpath("LICENSE-digits.txt").read_text()
    assert "CC BY 4.0" in text and "Alpaydin" in text
