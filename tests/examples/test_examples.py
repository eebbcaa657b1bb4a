"""Every example runs as a person would run it; each ends with assertions of its own."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("*.py"))

# What each example must say beyond ending well.
RESULTS = {
    "line.py": "the rule says 31",
    "man_or_woman.py": "Emily, 58 kg and 160 cm: 0.9",
    "rows.py": "accuracy 100%",
    "dense_classifier.py": "Epoch 20/20",
    "low_level.py": "second 12.0",
}


def run(name: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "examples" / name), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )


def test_every_example_is_tested() -> None:
    assert [*sorted([*RESULTS, "fashion_mnist.py"])] == EXAMPLES


@pytest.mark.parametrize("name", RESULTS)
def test_example(name: str) -> None:
    done = run(name)
    assert done.returncode == 0, done.stderr
    assert RESULTS[name] in done.stdout
    assert done.stderr == ""


def write_idx(path: Path, array: np.ndarray) -> None:
    head = b"\0\0\x08" + bytes([array.ndim]) + np.array(array.shape, ">i4").tobytes()
    path.write_bytes(gzip.compress(head + array.astype("uint8").tobytes()))


def test_fashion_mnist_reads_idx_files_and_learns(tmp_path: Path) -> None:
    """A made-up data set in the real format: each class lights its own rows of the picture."""
    rng = np.random.default_rng(0)
    for part, rows in (("train", 500), ("t10k", 100)):
        labels = rng.integers(0, 10, rows)
        pictures = rng.integers(0, 60, (rows, 28, 28))
        for picture, label in zip(pictures, labels):
            picture[2 * label : 2 * label + 3] += 150
        folder = tmp_path / "usr" / "share"
        folder.mkdir(parents=True, exist_ok=True)
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", pictures)
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", labels)
    done = run("fashion_mnist.py", "--rows", "500", "--epochs", "10", LAMINA_DATA=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "accuracy on 100 pictures it has never seen" in done.stdout


def test_fashion_mnist_says_what_to_do_without_data(tmp_path: Path) -> None:
    done = run("fashion_mnist.py", "--data", str(tmp_path / "nothing"))
    assert done.returncode == 1
    assert "--download" in done.stderr
    assert str(tmp_path / "nothing") in done.stderr


def test_fashion_mnist_rejects_a_file_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"not IDX"))
    done = run("fashion_mnist.py", "--data", str(tmp_path))
    assert done.returncode == 1
    assert "is not an IDX file" in done.stderr


@pytest.mark.slow
@pytest.mark.skipif("LAMINA_DATA" not in os.environ, reason="LAMINA_DATA does not name a folder with Fashion-MNIST")
def test_fashion_mnist_reaches_87_percent() -> None:
    done = run("fashion_mnist.py")
    assert done.returncode == 0, done.stderr
