"""The cache on disk: what was put comes back whole, and whatever is wrong with a file is a miss."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from lamina.base.config import config
from lamina.runtime import cache
from lamina.runtime.cache import DiskCache, key_of

KEY = key_of("some program", "llvm 1", "triple")
DATA = bytes(range(256)) * 10
needs_modes = pytest.mark.skipif(os.name == "nt", reason="no file modes here")


@pytest.fixture
def disk(tmp_path: Path) -> DiskCache:
    return DiskCache(tmp_path / "deep" / "cache")


def entry(disk: DiskCache) -> Path:
    (path,) = disk.folder.glob("*.object")
    return path


def test_put_then_get(disk: DiskCache) -> None:
    assert disk.get(KEY) is None
    disk.put(KEY, DATA)
    assert disk.get(KEY) == DATA
    assert DiskCache(disk.folder).get(KEY) == DATA
    assert disk.get(key_of("another program")) is None


def test_put_again_replaces(disk: DiskCache) -> None:
    disk.put(KEY, b"old")
    disk.put(KEY, b"")
    assert disk.get(KEY) == b""
    assert len(list(disk.folder.iterdir())) == 1


@needs_modes
def test_private_to_the_user(disk: DiskCache) -> None:
    disk.put(KEY, DATA)
    assert stat.S_IMODE(disk.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(entry(disk).stat().st_mode) == 0o600


@needs_modes
@pytest.mark.parametrize("mode", [0o770, 0o707])
def test_a_folder_that_others_may_write_is_not_used(disk: DiskCache, mode: int) -> None:
    disk.put(KEY, DATA)
    disk.folder.chmod(mode)
    assert disk.get(KEY) is None
    disk.put(key_of("new"), DATA)
    assert len(list(disk.folder.iterdir())) == 1


@needs_modes
def test_a_file_that_others_may_write_is_a_miss(disk: DiskCache) -> None:
    disk.put(KEY, DATA)
    entry(disk).chmod(0o622)
    assert disk.get(KEY) is None


@needs_modes
def test_a_link_is_a_miss(disk: DiskCache, tmp_path: Path) -> None:
    disk.put(KEY, DATA)
    path = entry(disk)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert disk.get(KEY) is None


def damage(path: Path, how: str) -> None:
    whole = path.read_bytes()
    if how == "empty":
        path.write_bytes(b"")
    elif how == "cut in the header":
        path.write_bytes(whole[:20])
    elif how == "cut":
        path.write_bytes(whole[:-1])
    elif how == "longer":
        path.write_bytes(whole + b"x")
    elif how == "one bit":
        path.write_bytes(whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:])
    elif how == "foreign":
        path.write_bytes(b"\x7fELF" + whole[4:])
    elif how == "folder":
        path.unlink()
        path.mkdir()


@pytest.mark.parametrize("how", ["empty", "cut in the header", "cut", "longer", "one bit", "foreign", "folder"])
def test_a_damaged_entry_is_a_miss(disk: DiskCache, how: str) -> None:
    disk.put(KEY, DATA)
    damage(entry(disk), how)
    assert disk.get(KEY) is None
    disk.put(KEY, b"new")
    assert disk.get(KEY) == (None if how == "folder" else b"new")


def test_an_entry_under_another_key_is_a_miss(disk: DiskCache) -> None:
    """Also a whole one, copied there by hand."""
    disk.put(KEY, DATA)
    other = key_of("another program")
    entry(disk).rename(disk.folder / f"{other}.object")
    assert disk.get(other) is None


def test_a_folder_that_cannot_be_made_means_no_cache(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    disk = DiskCache(tmp_path / "file" / "cache")
    disk.put(KEY, DATA)
    assert disk.get(KEY) is None


def test_a_read_only_folder_means_no_cache(disk: DiskCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a failing write, as the tests may run as a user who can write anywhere."""

    def refuse(*_arguments: object, **_named: object) -> None:
        raise PermissionError("read-only")

    disk.put(KEY, DATA)
    monkeypatch.setattr(cache.tempfile, "mkstemp", refuse)
    monkeypatch.setattr(cache.os, "utime", refuse)
    disk.put(key_of("new"), DATA)
    assert disk.get(key_of("new")) is None
    assert disk.get(KEY) == DATA


def test_a_failed_write_leaves_nothing(disk: DiskCache, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(cache.os, "replace", refuse)
    disk.put(KEY, DATA)
    assert list(disk.folder.iterdir()) == []


def test_the_entries_longest_unused_are_deleted(tmp_path: Path) -> None:
    disk = DiskCache(tmp_path / "cache", limit=10_000)
    keys = [key_of(str(k)) for k in range(9)]
    for age, key in enumerate(keys):
        disk.put(key, bytes(1000))
        os.utime(disk.folder / f"{key}.object", (1e9 + age, 1e9 + age))
    assert disk.get(keys[0]) is not None
    disk.put(key_of("one more"), bytes(1000))
    assert disk.get(keys[0]) is not None, "used a moment ago"
    assert disk.get(keys[1]) is None
    assert disk.get(keys[8]) is not None
    assert sum(p.stat().st_size for p in disk.folder.iterdir()) <= 10_000


def test_keys_differ_with_every_fact() -> None:
    keys = {
        key_of("text", "a", "b"), key_of("text", "ab"), key_of("text", "a", "c"), key_of("texta", "b"), key_of("text"),
        key_of("a", "text", "b"),
    }  # fmt: skip
    assert len(keys) == 6
    assert key_of("text", "a", "b") == key_of("text", "a", "b")


def test_keys_differ_with_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    before = key_of("text")
    monkeypatch.setattr(cache, "__version__", "0.0.0")
    assert key_of("text") != before


def test_module_functions_use_the_settings(tmp_path: Path) -> None:
    config.cache_dir = tmp_path / "mine"
    cache.put(KEY, DATA)
    assert cache.get(KEY) == DATA
    config.cache = False
    assert cache.get(KEY) is None
    cache.put(key_of("new"), DATA)
    config.cache = True
    assert cache.get(key_of("new")) is None


WRITER = """
import sys
from pathlib import Path
from lamina.runtime.cache import DiskCache, key_of
disk = DiskCache(Path(sys.argv[1]), limit=60_000)
for turn in range(150):
    for k in range(6):
        key = key_of(str(k))
        found = disk.get(key)
        assert found is None or found == bytes([k]) * 10_000
        disk.put(key, bytes([k]) * 10_000)
"""


def test_two_processes_write_and_evict_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path / "cache")]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (0, "")
    assert not list((tmp_path / "cache").glob(".new-*"))
