"""Every example runs as a person would run it; each ends with assertions of its own."""

from __future__ import annotations

import gzip
import os
import struct
import subprocess
import sys
import zlib
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

# The same for those that take minutes at full size, on the little data that `--quick` has.
QUICK_RESULTS = {
    "cnn_fashion_mnist.py": "accuracy on 355 pictures it has never seen: 9",
    "resnet18_images.py": "accuracy on 355 pictures it has never seen: 9",
    "transfer_learning.py": "feature extraction",
    "inference_mobilenet_resnet50.py": "resnet50: 25.6 million weights",
}

# These are imported by others.
PARTS = ("phonemes.py", "pictures.py", "sentiment_data.py", "sequence_data.py")


def run(name: str, *arguments: str, timeout: int = 240, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "examples" / name), *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )


def test_every_example_is_tested() -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("test_*.py")))
    assert [name for name in EXAMPLES if name not in PARTS and f'"{name}"' not in tests] == []


@pytest.mark.parametrize("name", RESULTS)
def test_example(name: str) -> None:
    done = run(name)
    assert done.returncode == 0, done.stderr
    assert RESULTS[name] in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("name", QUICK_RESULTS)
def test_example_at_small_size(name: str) -> None:
    done = run(name, "--quick")
    assert done.returncode == 0, done.stderr
    assert QUICK_RESULTS[name] in done.stdout
    assert done.stderr == ""


def test_autoencoder_writes_a_picture(tmp_path: Path) -> None:
    done = run("convolutional_autoencoder.py", "--quick", "--picture", str(tmp_path / "grid.png"))
    assert done.returncode == 0, done.stderr
    assert "784 pixels in 32 numbers, 355 pictures it has never seen" in done.stdout
    height, width, pixels = read_grey_png(tmp_path / "grid.png")
    # Three times a row of ten originals and a row of what was drawn.
    assert (height, width) == (6 * 28, 10 * 28)
    assert pixels.min() == 0
    assert pixels.max() > 200


def read_grey_png(path: Path) -> tuple[int, int, np.ndarray]:
    """Size and pixels of a PNG file of 8 bits a pixel, whose lines are not filtered."""
    content = path.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, place = {}, 8
    while place < len(content):
        (length,) = struct.unpack_from(">I", content, place)
        kind, data = content[place + 4 : place + 8], content[place + 8 : place + 8 + length]
        assert struct.unpack_from(">I", content, place + 8 + length) == (zlib.crc32(kind + data),)
        chunks[kind] = data
        place += 12 + length
    width, height = struct.unpack_from(">II", chunks[b"IHDR"])
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), "uint8").reshape(height, width + 1)
    assert not lines[:, 0].any()
    return height, width, lines[:, 1:]


def test_resnet18_tells_photographs_apart(tmp_path: Path) -> None:
    """Made-up photographs of one colour each, with noise."""
    image = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    colours = {"red": (200, 40, 40), "green": (40, 200, 40), "blue": (40, 40, 200), "grey": (99, 99, 99)}
    files = []
    for name, colour in colours.items():
        files.append(str(tmp_path / f"{name}.png"))
        photo = np.clip(np.array(colour) + rng.normal(0, 20, (140, 200, 3)), 0, 255)
        image.fromarray(photo.astype("uint8")).save(files[-1])
    done = run("resnet18_images.py", "--quick", "--epochs", "1", "--photos", *files)
    assert done.returncode == 0, done.stderr
    assert "blue: " in done.stdout
    assert "accuracy on 400 pictures it has never seen" in done.stdout


def write_idx(path: Path, array: np.ndarray) -> None:
    head = b"\0\0\x08" + bytes([array.ndim]) + np.array(array.shape, ">i4").tobytes()
    path.write_bytes(gzip.compress(head + array.astype("uint8").tobytes()))


@pytest.fixture
def made_up(tmp_path: Path) -> Path:
    """A folder with a made-up data set in the real format: each class lights its own rows of the picture."""
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
    return tmp_path


def test_fashion_mnist_reads_idx_files_and_learns(made_up: Path) -> None:
    done = run("fashion_mnist.py", "--rows", "500", "--epochs", "10", LAMINA_DATA=str(made_up))
    assert done.returncode == 0, done.stderr
    assert "accuracy on 100 pictures it has never seen" in done.stdout


def test_convolutional_examples_read_the_same_files(made_up: Path) -> None:
    done = run("cnn_fashion_mnist.py", "--data", str(made_up), "--epochs", "10")
    assert done.returncode == 0, done.stderr
    assert "10 epochs on 500 pictures" in done.stdout
    assert "accuracy on 100 pictures it has never seen" in done.stdout


@pytest.mark.parametrize("name", ["fashion_mnist.py", "transfer_learning.py"])
def test_says_what_to_do_without_data(name: str, tmp_path: Path) -> None:
    done = run(name, "--data", str(tmp_path / "nothing"))
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


@pytest.mark.slow
@pytest.mark.skipif("LAMINA_DATA" not in os.environ, reason="LAMINA_DATA does not name a folder with Fashion-MNIST")
def test_cnn_fashion_mnist_reaches_91_percent() -> None:
    done = run("cnn_fashion_mnist.py", timeout=3600)
    assert done.returncode == 0, done.stderr
