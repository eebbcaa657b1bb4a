"""Looks at the installation and the machine, and tries the compiler."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lamina.base.config import config
from lamina.base.errors import MissingExtraError
from lamina.base.packages import required
from lamina.version import __version__

_SHOWN_FEATURES = (
    "sse4.2", "avx", "avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512vl", "avx512bf16", "avx512fp16",
    "avx512vnni", "amx-tile", "amx-bf16", "neon", "fullfp16", "bf16", "sve", "sve2",
)  # fmt: skip


def run_doctor(peaks: bool = False, clear_cache: bool = False) -> int:
    """Prints a report.

    Args:
        peaks: also measure the machine's speed.
        clear_cache: first delete every compiled program on disk.

    Returns:
        The exit status: 0 when the compiler works, 1 when it does not.
    """
    if clear_cache:
        print(_line("cache cleared", f"{clear_cache_files(config.cache_dir)} entries deleted"))
    for name, text in (*_versions(), *_machine(), *_settings()):
        print(_line(name, text))
    problem, text = _self_check()
    print(_line("self-check", text))
    if peaks:
        for name, text in _peaks():
            print(_line(name, text))
    return 1 if problem else 0


def _line(name: str, text: str) -> str:
    return f"{name:<14} {text}"


def _versions() -> Iterator[tuple[str, str]]:
    yield "lamina", __version__
    yield "Python", f"{platform.python_version()} ({platform.python_implementation()})"
    yield "NumPy", np.__version__
    binding = _binding()
    llvm = "" if binding is None else f" (LLVM {'.'.join(map(str, binding.llvm_version_info))})"
    yield "llvmlite", _version_of("llvmlite") + llvm
    extras = ("ml_dtypes", "h5py", "safetensors", "pandas", "polars", "matplotlib")
    yield "beside them", ", ".join(f"{name} {_version_of(name)}" for name in extras)


def _binding() -> Any:
    """What llvmlite knows of LLVM; None where it is not installed."""
    try:
        return required("llvmlite.binding")
    except MissingExtraError:
        return None


def _version_of(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"


def _machine() -> Iterator[tuple[str, str]]:
    yield "system", f"{platform.platform()}, {platform.machine()}"
    binding = _binding()
    if binding is None:
        yield "CPU", _cpu_name()
    else:
        features = binding.get_host_cpu_features()
        yield "CPU", f"{_cpu_name()} (LLVM: {binding.get_host_cpu_name()})"
        yield "CPU features", " ".join(name for name in _SHOWN_FEATURES if features.get(name)) or "(none of note)"
    yield "cores", f"{os.cpu_count()} in the machine"


def _cpu_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            if line.startswith(("model name", "Model")):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _settings() -> Iterator[tuple[str, str]]:
    yield "threads", f"{config.threads} for a native program (LAMINA_THREADS)"
    state = "on" if config.cache else "off (LAMINA_CACHE=0)"
    yield "cache", f"{state}, {config.cache_dir} (LAMINA_CACHE_DIR): {_cache_state(config.cache_dir)}"
    changed = {
        "LAMINA_INTERPRET": config.interpret,
        "LAMINA_PLANNER=0": not config.memory_planner,
        "LAMINA_WINOGRAD=0": not config.winograd,
        "LAMINA_POISON": config.poison,
    }
    switches = [name for name, on in changed.items() if on]
    yield "switches", f"set: {', '.join(switches)}" if switches else "none set"


def _cache_state(folder: Path) -> str:
    sizes = [path.stat().st_size for path in _entries(folder)]
    text = f"{len(sizes)} entries, {sum(sizes) / 1e6:.1f} MB" if sizes else "empty"
    if config.cache and not _cache_works():
        return f"{text}; NOT usable: the folder must be yours, and yours alone to write"
    return text


def _cache_works() -> bool:
    """Whether what is kept can be read back."""
    from lamina.runtime import cache

    key, data = cache.key_of("doctor"), b"kept"
    cache.put(key, data)
    return cache.get(key) == data


def _entries(folder: Path) -> list[Path]:
    """The files that the cache has written; what else lies in the folder is not ours."""
    return [path for path in folder.glob("*.object") if path.is_file() and not path.is_symlink()]


def clear_cache_files(folder: Path) -> int:
    """Deletes the compiled programs of a cache folder, and nothing else, and returns how many there were."""
    entries = _entries(folder)
    for path in entries:
        path.unlink(missing_ok=True)
    return len(entries)


def _self_check() -> tuple[bool, str]:
    """Compiles and runs one small function; gives whether something is wrong, and the findings."""
    import lamina

    x = np.linspace(-1, 1, 999, dtype=np.float32)
    w = np.sin(np.arange(7 * 999, dtype=np.float32)).reshape(7, 999) / 10
    expected = np.tanh(w @ x + 1)
    function = lamina.function(lambda a, b: lamina.ops.tanh(lamina.ops.matmul(a, b) + 1))
    start = time.perf_counter()
    try:
        result = np.asarray(function(w, x))
    except MissingExtraError as missing:
        return True, f"FAILED: {missing}"
    first = time.perf_counter() - start
    start = time.perf_counter()
    function(w, x)
    again = time.perf_counter() - start
    error = float(np.max(np.abs(result - expected)))
    if not error < 1e-5:
        return True, f"FAILED: the compiled program is off by {error:.1e}. Please report this with the lines above."
    return False, f"ok: first call {first * 1e3:.0f} ms, second {again * 1e6:.0f} us, largest error {error:.1e}"


def _peaks() -> Iterator[tuple[str, str]]:
    from lamina.runtime import peaks

    for name, value in peaks.measure().items():
        yield f"peak {name}", value
