"""Ten kinds of clothes in small grey pictures (Fashion-MNIST): a classifier of two layers.

Run it with `python examples/fashion_mnist.py --data FOLDER`, where FOLDER holds the four files of the data set
(`train-images-idx3-ubyte.gz` and so on), or with `--download` on Debian and Ubuntu, which fetches the
package `dataset-fashion-mnist` into FOLDER. The environment variable LAMINA_DATA may name FOLDER instead.
"""

import argparse
import gzip
import os
import subprocess
from pathlib import Path

import numpy as np

import lamina as keras

NAMES = ["T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"]

NO_DATA = """\
The data set is not in {folder}. Three ways to get it:
  * On Debian or Ubuntu, run this again with --download. It needs no root and installs nothing:
    it fetches the package dataset-fashion-mnist (31 MB) with apt-get and unpacks it into that folder.
  * If the package is installed already, pass --data /usr/share/datasets/fashion-mnist
  * Elsewhere, put the four .gz files of Fashion-MNIST into a folder and pass --data FOLDER."""


def read_idx(path):
    """An array from a gzipped IDX file: two zero bytes, the type (8 is bytes), the rank, the sizes, the values."""
    content = gzip.decompress(path.read_bytes())
    if content[:3] != b"\0\0\x08":
        raise SystemExit(f"{path} is not an IDX file of bytes.")
    rank = content[3]
    sizes = np.frombuffer(content, ">i4", count=rank, offset=4)
    return np.frombuffer(content, "uint8", offset=4 + 4 * rank).reshape(sizes)


def find_file(folder, name):
    """The file in the folder or below it, since the package unpacks into usr/share/datasets."""
    found = sorted(folder.rglob(name)) if folder.is_dir() else []
    if not found:
        raise SystemExit(NO_DATA.format(folder=folder))
    return found[0]


def load(folder):
    """Pictures as rows of 784 numbers from 0 to 1, and labels from 0 to 9, for training and for testing."""
    parts = []
    for part in ("train", "t10k"):
        pictures = read_idx(find_file(folder, f"{part}-images-idx3-ubyte.gz"))
        labels = read_idx(find_file(folder, f"{part}-labels-idx1-ubyte.gz"))
        parts.append((pictures.reshape(len(pictures), 784).astype("float32") / 255, labels.astype("int64")))
    return parts


def download(folder):
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["apt-get", "download", "dataset-fashion-mnist"], cwd=folder, check=True)
    (package,) = folder.glob("dataset-fashion-mnist_*.deb")
    subprocess.run(["dpkg-deb", "-x", package.name, "."], cwd=folder, check=True)


def main():
    default = os.environ.get("LAMINA_DATA") or Path.home() / ".cache" / "lamina" / "fashion-mnist"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(default), help="folder of the data set; default %(default)s")
    parser.add_argument("--download", action="store_true", help="fetch the data set into that folder first")
    parser.add_argument("--rows", type=int, default=60_000, help="train on this many pictures only; default all")
    parser.add_argument("--epochs", type=int, default=10)
    options = parser.parse_args()
    if options.download:
        download(options.data)

    keras.utils.set_random_seed(5)
    (x_train, y_train), (x_test, y_test) = load(options.data)
    x_train, y_train = x_train[: options.rows], y_train[: options.rows]

    model = keras.Sequential(
        [
            keras.Input(shape=(784,)),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x_train, y_train, epochs=options.epochs, verbose=2)

    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    guesses = model.predict(x_test[:5], verbose=0).argmax(axis=1)
    for guess, label in zip(guesses, y_test):
        print(f"the picture shows: {NAMES[label]}; the network says: {NAMES[guess]}")
    print(f"accuracy on {len(x_test)} pictures it has never seen: {accuracy:.1%}")

    # All the pictures and ten epochs reach 87 % and more; a small part of them cannot.
    assert accuracy >= (0.87 if options.rows >= 60_000 and options.epochs >= 10 else 0.5)


if __name__ == "__main__":
    main()
