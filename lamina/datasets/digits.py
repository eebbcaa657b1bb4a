"""Handwritten digits: the 1,797 images of 8x8 pixels of the UCI set "Optical Recognition of Handwritten Digits".

E. Alpaydin and C. Kaynak (1998), https://doi.org/10.24432/C50P49, licensed CC BY 4.0; `LICENSE-digits.txt` in this
folder tells what was changed (the file format only).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

_FILE = Path(__file__).with_name("digits.npz")
_TEST_EVERY = 5

Split = tuple[np.ndarray, np.ndarray]


def load_data() -> tuple[Split, Split]:
    """Loads the digits, split into a training and a test part.

    The split is fixed: of the images of each digit, in the order of the original file, every fifth is a test
    image. Both parts hold all digits about equally often, written by the same 13 people, so the test tells how
    well a model reads new images of known hands, not of new hands.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: images, uint8 `(1442, 8, 8)` and `(355, 8, 8)`, 0 for paper up to
        16 for full ink; labels, uint8 `(1442,)` and `(355,)`, the digits 0 to 9. The arrays are the caller's own.
    """
    with np.load(_FILE, allow_pickle=False) as file:
        images, labels = file["images"], file["labels"]
    test = _rank_within_class(labels) % _TEST_EVERY == _TEST_EVERY - 1
    return (images[~test], labels[~test]), (images[test], labels[test])


def _rank_within_class(labels: np.ndarray) -> np.ndarray:
    """For every label, how many of the same came before it."""
    ranks = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        ranks[places] = np.arange(len(places))
    return ranks
