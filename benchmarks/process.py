"""A peer's process, seen from the runner."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.peers import Place

ROOT = Path(__file__).resolve().parents[1]

_ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LAMINA_THREADS")


class PeerFailed(Exception):
    """The peer cannot run the workload; the message says why, and is shown in the table."""


class PeerProcess:
    """One process of one peer. It is stopped (not only idle) while others are measured, so that threads that
    spin or caches that refresh in the background disturb nobody."""

    def __init__(self, place: Place, threads: str, caches: Path, timeout: float):
        self._timeout = timeout
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`)
        command = [place.python, "-m", "benchmarks.child", *(["--one-core"] if threads == "one" else [])]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=_environment(place, threads, caches),
            cwd=caches,
            process_group=0,
        )

    def prepare(self, workload: str, peer: str, settings: dict[str, Any], inputs: Path | None) -> float | None:
        """Prepares the task; returns its loss."""
        given = str(inputs) if inputs else None
        request = {"do": "prepare", "workload": workload, "peer": peer, "settings": settings, "inputs": given}
        return self._ask(request)["loss"]

    def sample(self) -> float:
        return self._ask({"do": "sample"})["sample"]

    def close(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                stream.close()

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        self._signal("SIGCONT")
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            reply = json.loads(self._read_line())
        except (BrokenPipeError, json.JSONDecodeError):
            raise PeerFailed(f"the process ended: {self._last_words()}") from None
        finally:
            self._signal("SIGSTOP")
        if "failed" in reply:
            raise PeerFailed(reply["failed"])
        return reply

    def _read_line(self) -> str:
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(self._timeout):
                raise PeerFailed(f"no answer within {self._timeout:.0f} s")
        return self._process.stdout.readline()

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1][:200] if lines else "no message"

    def _signal(self, name: str) -> None:
        if hasattr(signal, name) and self._process.poll() is None:
            os.killpg(self._process.pid, getattr(signal, name))


def _environment(place: Place, threads: str, caches: Path) -> dict[str, str]:
    """The peer's variables, the thread count, and every framework's cache of compiled code inside `caches`."""
    variables = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "LAMINA_CACHE_DIR": str(caches / "lamina"),
        "JAX_COMPILATION_CACHE_DIR": str(caches / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "TORCHINDUCTOR_CACHE_DIR": str(caches / "torch"),
        "CACHEDB": str(caches / "tinygrad.db"),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        **place.peer.environment,
    }
    if threads == "one":
        variables |= dict.fromkeys(_ONE_THREAD, "1")
    return variables
