"""The peers, and where they are found.

A peer is a framework, possibly with a way of using it. It is available when some known Python interpreter has
all modules that it needs: the interpreter that runs the benchmarks, or one named by `--envs` or by the
environment variable `LAMINA_BENCH_ENVS`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

ENVIRONMENT_VARIABLE = "LAMINA_BENCH_ENVS"


@dataclass(frozen=True)
class Peer:
    """Attributes: name; modules that must be importable; packages whose versions are shown; environment variables."""

    name: str
    modules: tuple[str, ...]
    packages: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)


def _keras(backend: str, package: str = "") -> Peer:
    packages = ("keras", package or backend)
    return Peer(f"keras-{backend}", ("keras", backend), packages, {"KERAS_BACKEND": backend})


PEERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer("lamina", ("lamina", "llvmlite"), ("llvmlite", "numpy")),
        Peer("peak", ("lamina", "llvmlite"), ("llvmlite",)),
        Peer("numpy", ("numpy",), ("numpy",)),
        _keras("tensorflow", "tensorflow-cpu"),
        Peer(
            "keras-tensorflow-graph",
            ("keras", "tensorflow"),
            ("keras", "tensorflow-cpu"),
            {"KERAS_BACKEND": "tensorflow"},
        ),
        _keras("jax"),
        _keras("torch"),
        Peer("jax-jit", ("jax",), ("jax",)),
        Peer("jax-scan", ("jax",), ("jax",)),
        Peer("torch", ("torch",), ("torch",)),
        Peer("torch-compile", ("torch",), ("torch",)),
        Peer("tensorflow", ("tensorflow",), ("tensorflow-cpu",)),
        Peer("onnxruntime", ("onnxruntime", "onnx"), ("onnxruntime",)),
        Peer("openvino", ("openvino", "onnx"), ("openvino",)),
        Peer("litert", ("ai_edge_litert", "keras", "tensorflow"), ("ai-edge-litert",), {"KERAS_BACKEND": "tensorflow"}),
        Peer("tinygrad", ("tinygrad",), ("tinygrad",), {"DEV": "CPU"}),
    )
}

# Lamina, NumPy and the machine's peaks are always measured by the interpreter that runs the benchmarks.
OWN = ("lamina", "peak", "numpy")

_PROBE = """
import importlib.metadata, importlib.util, json, sys
modules, packages = json.loads(sys.argv[1])
def version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
print(json.dumps([[m for m in modules if importlib.util.find_spec(m)], {p: version(p) for p in packages}]))
"""


@dataclass(frozen=True)
class Place:
    """An interpreter that has what a peer needs, and the versions found there."""

    peer: Peer
    python: str
    versions: dict[str, str]


def find_peers(places: Iterable[str] = ()) -> dict[str, Place]:
    """Finds an interpreter for every peer that has one.

    Args:
        places: each a folder of virtual environments, a Python executable, or `peer=executable`; those of the
            environment variable `LAMINA_BENCH_ENVS` (separated like `PATH`) are added.

    Returns:
        Peer name -> where it runs, in the order of the table.
    """
    named, pythons = _interpreters([*places, *_from_environment()])
    contents = {python: _probe(python) for python in dict.fromkeys([*named.values(), *pythons])}
    found = {}
    for peer in PEERS.values():
        candidates = [named[peer.name]] if peer.name in named else pythons[:1] if peer.name in OWN else pythons
        for python in candidates:
            modules, versions = contents[python]
            if set(peer.modules) <= modules:
                shown = {name: versions[name] for name in peer.packages if versions.get(name)}
                found[peer.name] = Place(peer, python, shown)
                break
    return found


def why_missing(peer: str, places: Iterable[str] = ()) -> str:
    """What a peer that was not found needs, and where it was looked for.

    Args:
        places: those given to `find_peers`.
    """
    looked = list(dict.fromkeys([sys.executable, *places, *_from_environment()]))[: 1 if peer in OWN else None]
    modules = ", ".join(PEERS[peer].modules)
    return f"needs {modules} in one environment; looked in {', '.join(looked)}"


def _from_environment() -> list[str]:
    return [place for place in os.environ.get(ENVIRONMENT_VARIABLE, "").split(os.pathsep) if place]


def _interpreters(places: list[str]) -> tuple[dict[str, str], list[str]]:
    """Interpreters given by peer name, and all that may serve any peer (ours is the first)."""
    named: dict[str, str] = {}
    pythons = [sys.executable]
    for place in places:
        name, equals, python = place.partition("=")
        if equals:
            if name not in PEERS:
                print(f"{place}: left out ({name} is no peer; known: {', '.join(PEERS)})", file=sys.stderr)
            named[name] = python
        elif Path(place).is_dir():
            inside = [
                str(p)
                for pattern in ("bin/python", "*/bin/python", "*/Scripts/python.exe")
                for p in sorted(Path(place).glob(pattern))
            ]
            if not inside:
                print(f"{place}: left out (no environment in this folder)", file=sys.stderr)
            pythons += inside
        else:
            pythons.append(place)
    return named, pythons


def _probe(python: str) -> tuple[set[str], dict[str, str]]:
    modules = sorted({m for peer in PEERS.values() for m in peer.modules})
    packages = sorted({p for peer in PEERS.values() for p in peer.packages})
    command = [python, "-c", _PROBE, json.dumps([modules, packages])]
    root = str(Path(__file__).resolve().parents[1])
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, cwd=root)
    except (OSError, subprocess.SubprocessError) as error:
        print(f"{python}: left out ({error})", file=sys.stderr)
        return set(), {}
    found, versions = json.loads(done.stdout)
    return set(found), versions
