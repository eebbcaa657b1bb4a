"""Compiled programs on disk: bytes by key, for this user alone.

An entry is a file with a header (magic, length, checksum of key and contents) and the bytes; nothing is ever unpickled.
What is broken, foreign, or not ours alone to write is a miss. Where the folder cannot be used there is no cache,
silently. Writers replace files in one step, so any number of processes may share the folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import struct
import tempfile
from pathlib import Path

from lamina.base.config import config
from lamina.version import __version__

LIMIT = 512 << 20
_MAGIC = b"LAMINA\x00\x01"
_HEADER = struct.Struct("<8sQ32s")
_SUFFIX = ".object"
# A full folder is emptied down to this share of the limit, so that not every new entry has to look for old ones.
_KEEP = 0.75


def key_of(text: str, *facts: str) -> str:
    """The key of a program: a hash of its text and of all else that decides the machine code.

    Args:
        text: the program.
        facts: LLVM's version, the target's triple, processor and features, flags. Lamina's version is added.
    """
    digest = hashlib.sha256()
    for part in (__version__, *facts, text):
        encoded = part.encode()
        digest.update(struct.pack("<Q", len(encoded)))
        digest.update(encoded)
    return digest.hexdigest()


class DiskCache:
    """Entries in one folder.

    Args:
        folder: where; made with mode 0700 on the first `put`.
        limit: bytes above which the entries that were not used for longest are deleted.
    """

    def __init__(self, folder: Path, limit: int = LIMIT):
        self.folder = folder
        self.limit = limit
        self._size: int | None = None

    def get(self, key: str) -> bytes | None:
        """The bytes that were put under the key, or None."""
        path = self._path(key)
        try:
            if not _is_private(os.stat(self.folder)):
                return None
            data = _read_private(path)
        except OSError:
            return None
        contents = _opened(key, data)
        if contents is not None:
            # The time of last use decides what is deleted first.
            with contextlib.suppress(OSError):
                os.utime(path)
        return contents

    def put(self, key: str, data: bytes) -> None:
        """Keeps the bytes under the key; does nothing where that is impossible."""
        with contextlib.suppress(OSError):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if _is_private(os.stat(self.folder)):
                self._write(key, _HEADER.pack(_MAGIC, len(data), _checksum(key, data)) + data)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{_SUFFIX}"

    def _write(self, key: str, entry: bytes) -> None:
        self._make_room(len(entry))
        # mkstemp gives mode 0600.
        handle, temporary = tempfile.mkstemp(dir=self.folder, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(entry)
            os.replace(temporary, self._path(key))
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise

    def _make_room(self, size: int) -> None:
        """Deletes old entries when the folder is full. Its size is looked up once, then added up."""
        if self._size is None or self._size + size > self.limit:
            entries = self._entries()
            total = sum(length for _, length, _ in entries)
            if total + size > self.limit:
                total = self._delete_oldest(entries, total, int(self.limit * _KEEP) - size)
            self._size = total
        self._size += size

    def _entries(self) -> list[tuple[float, int, str]]:
        """(time of last use, bytes, path) of each entry, and of what a writer that died has left."""
        found = []
        with os.scandir(self.folder) as listing:
            for item in listing:
                if item.name.endswith(_SUFFIX) or item.name.startswith(".new-"):
                    with contextlib.suppress(OSError):
                        facts = item.stat(follow_symlinks=False)
                        found.append((facts.st_mtime, facts.st_size, item.path))
        return found

    @staticmethod
    def _delete_oldest(entries: list[tuple[float, int, str]], total: int, goal: int) -> int:
        for _, length, path in sorted(entries):
            if total <= goal:
                break
            with contextlib.suppress(OSError):
                os.unlink(path)
                total -= length
        return total


def _checksum(key: str, data: bytes) -> bytes:
    return hashlib.sha256(key.encode() + b"\0" + data).digest()


def _opened(key: str, entry: bytes) -> bytes | None:
    """The contents of an entry, or None if it is not whole, or not of this key."""
    if len(entry) < _HEADER.size:
        return None
    magic, length, checksum = _HEADER.unpack_from(entry)
    data = entry[_HEADER.size :]
    if magic != _MAGIC or length != len(data) or checksum != _checksum(key, data):
        return None
    return data


def _is_private(facts: os.stat_result) -> bool:
    """Whether it is ours and nobody else may write it: what is in the cache gets executed."""
    if not hasattr(os, "getuid"):
        return True
    return facts.st_uid == os.getuid() and not facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _read_private(path: Path) -> bytes:
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(handle, "rb") as file:
        facts = os.fstat(file.fileno())
        return file.read() if stat.S_ISREG(facts.st_mode) and _is_private(facts) else b""


_caches: dict[Path, DiskCache] = {}


def _current() -> DiskCache:
    folder = Path(config.cache_dir)
    if folder not in _caches:
        _caches[folder] = DiskCache(folder)
    return _caches[folder]


def get(key: str) -> bytes | None:
    """The bytes kept under a key of `key_of` in `config.cache_dir`, or None; always None without `config.cache`."""
    return _current().get(key) if config.cache else None


def put(key: str, data: bytes) -> None:
    """Keeps bytes under a key of `key_of` in `config.cache_dir`; does nothing without `config.cache`."""
    if config.cache:
        _current().put(key, data)
