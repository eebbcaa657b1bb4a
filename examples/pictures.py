"""Where the examples of convolutional networks get their pictures from. It is imported by them, not run.

By default that is Fashion-MNIST, 60,000 + 10,000 grey pictures of clothes in 28x28 pixels, read from the folder that
`--data` or the environment variable LAMINA_DATA names; `--download` fetches it (see `fashion_mnist.py`). With
`--quick` it is the 1,797 handwritten digits that come with Lamina, three times as large: a try without any files.
"""

import argparse
import os
from pathlib import Path

import fashion_mnist
import numpy as np

from lamina.datasets import digits

CLOTHES = fashion_mnist.NAMES


def arguments(description):
    """A parser of the command line with the options that all these examples have."""
    folder = os.environ.get("LAMINA_DATA") or Path.home() / ".cache" / "lamina" / "fashion-mnist"
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(folder), help="folder of Fashion-MNIST; default %(default)s")
    parser.add_argument("--download", action="store_true", help="fetch Fashion-MNIST into that folder first")
    parser.add_argument("--quick", action="store_true", help="a small try: little data, little training")
    return parser


def load(options):
    """Grey pictures `(n, 28, 28, 1)` of numbers from 0 to 1 and labels from 0 to 9, for training and for testing."""
    if options.quick:
        return [(_enlarged(pictures), labels.astype("int64")) for pictures, labels in digits.load_data()]
    if options.download:
        fashion_mnist.download(options.data)
    return [(rows.reshape(-1, 28, 28, 1), labels) for rows, labels in fashion_mnist.load(options.data)]


def _enlarged(pictures):
    """Each of 8x8 pixels becomes 3x3, with a margin of two: 28x28, as in Fashion-MNIST."""
    large = pictures.astype("float32").repeat(3, axis=1).repeat(3, axis=2) / 16
    return np.pad(large, [(0, 0), (2, 2), (2, 2)])[..., None]
