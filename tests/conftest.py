"""Settings of the whole test run: a cache of its own, one seed, and both executors on request."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator

import numpy as np
import pytest

# Before Lamina is imported, which reads it; child processes inherit it.
_CACHE = tempfile.mkdtemp(prefix="lamina-tests-")
os.environ["LAMINA_CACHE_DIR"] = _CACHE


MOST_MEMORY = 8 << 30


def pytest_configure() -> None:
    """Makes a program that grows without end a MemoryError of its test, not the end of the machine."""
    try:
        import resource
    except ImportError:  # not on Windows
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = MOST_MEMORY if hard == resource.RLIM_INFINITY else min(MOST_MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def pytest_unconfigure() -> None:
    shutil.rmtree(_CACHE, ignore_errors=True)


@pytest.fixture(autouse=True)
def _settings_as_before() -> Iterator[None]:
    """Gives every test the settings of a fresh process, whatever the one before it changed."""
    from lamina.base.config import config

    before = dict(vars(config))
    yield
    vars(config).update(before)


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers that are the same in every run."""
    return np.random.default_rng(20)


@pytest.fixture
def interpreted() -> None:
    """Runs everything in the NumPy interpreter."""
    from lamina.base.config import config

    config.interpret = True


@pytest.fixture
def compiled() -> None:
    """Runs everything compiled, even when LAMINA_INTERPRET is set."""
    from lamina.base.config import config

    config.interpret = False


@pytest.fixture(params=["interpreted", "compiled"])
def executor(request: pytest.FixtureRequest) -> str:
    """Runs the test twice, once on each executor; gives its name."""
    request.getfixturevalue(request.param)
    return str(request.param)
