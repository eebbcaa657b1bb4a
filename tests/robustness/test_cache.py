"""Whatever is wrong with the cache on disk, a model learns the same."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

needs_modes = pytest.mark.skipif(os.name == "nt" or not hasattr(os, "getuid"), reason="no file modes here")

SCRIPT = """
    import numpy as np
    import lamina as keras

    keras.utils.set_random_seed(5)
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(8, activation="tanh"), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    x = np.linspace(-1, 1, 100, dtype="float32").reshape(20, 5)
    print(model.fit(x, x.sum(1), epochs=3, verbose=0).history["loss"])
    print(model.predict(x, verbose=0).sum().item().hex())
"""


def start(folder: Path) -> subprocess.Popen[str]:
    """A process that trains a small model with its programs cached in `folder`."""
    environment = {**os.environ, "LAMINA_CACHE_DIR": str(folder)}
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(SCRIPT)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def finish(process: subprocess.Popen[str]) -> str:
    """What the process printed; it must not have complained."""
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    return out


def entries(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.object"))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], str]:
    """The entries that the training makes, by name, and what it prints."""
    folder = tmp_path_factory.mktemp("first") / "cache"
    printed = finish(start(folder))
    found = {p.name: p.read_bytes() for p in entries(folder)}
    assert len(found) >= 2, "training and prediction are programs of their own"
    return found, printed


def refill(folder: Path, contents: dict[str, bytes]) -> None:
    folder.mkdir(mode=0o700)
    for name, data in contents.items():
        path = folder / name
        path.write_bytes(data)
        path.chmod(0o600)


def truncated(found: dict[str, bytes]) -> dict[str, bytes]:
    return {name: data[: len(data) // 2] for name, data in found.items()}


def empty(found: dict[str, bytes]) -> dict[str, bytes]:
    return dict.fromkeys(found, b"")


def swapped(found: dict[str, bytes]) -> dict[str, bytes]:
    """Every entry under the name of another one."""
    names = list(found)
    return dict(zip(names, [found[n] for n in names[1:] + names[:1]], strict=True))


def altered(found: dict[str, bytes]) -> dict[str, bytes]:
    """One bit of the code flipped."""
    return {name: data[:-9] + bytes([data[-9] ^ 1]) + data[-8:] for name, data in found.items()}


def foreign(found: dict[str, bytes]) -> dict[str, bytes]:
    return dict.fromkeys(found, b"\x80\x04not one of ours" * 100)


@pytest.mark.parametrize("damage", [truncated, empty, swapped, altered, foreign], ids=lambda f: f.__name__)
def test_a_broken_entry_is_made_anew(filled, tmp_path, damage):
    found, printed = filled
    folder = tmp_path / "cache"
    refill(folder, damage(found))
    assert finish(start(folder)) == printed
    assert {p.name: p.read_bytes() for p in entries(folder)} == found


def test_a_whole_cache_is_used_as_it_is(filled, tmp_path):
    found, printed = filled
    folder = tmp_path / "cache"
    refill(folder, found)
    times = {p.name: p.stat().st_ino for p in entries(folder)}
    assert finish(start(folder)) == printed
    assert {p.name: p.stat().st_ino for p in entries(folder)} == times, "no entry was written again"


@needs_modes
@pytest.mark.parametrize("entry_mode, folder_mode", [(0o400, 0o500), (0o666, 0o700), (0o600, 0o777)])
def test_entries_and_folders_of_other_modes(filled, tmp_path, entry_mode, folder_mode):
    """Read-only ones, and ones that others may write, which are not trusted."""
    found, printed = filled
    folder = tmp_path / "cache"
    refill(folder, found)
    for path in entries(folder):
        path.chmod(entry_mode)
    folder.chmod(folder_mode)
    try:
        assert finish(start(folder)) == printed
    finally:
        folder.chmod(0o700)


def test_a_cache_folder_that_cannot_be(tmp_path):
    file = tmp_path / "file"
    file.write_text("in the way")
    assert finish(start(file / "cache"))
    assert file.read_text() == "in the way"


def test_processes_that_fill_one_cache_at_once(filled, tmp_path):
    found, printed = filled
    folder = tmp_path / "cache"
    running = [start(folder) for _ in range(2)]
    assert [finish(process) for process in running] == [printed] * len(running)
    assert {p.name: p.read_bytes() for p in entries(folder)} == found
    assert len(list(folder.iterdir())) == len(found), "no temporary file is left"
