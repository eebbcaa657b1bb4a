"""Settings of the whole process, each with a default, an environment variable, and one place to read it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.base import dtypes
from lamina.base.errors import ArgumentError

if TYPE_CHECKING:
    from lamina.base.policy import DTypePolicy


class Config:
    """Settings that hold for the whole process; the one instance is `config`.

    Attributes:
        floatx: default dtype of floats; `float32`.
        dtype_policy: name of the policy of new layers; None (default) for `floatx`.
        epsilon: the small number that guards divisions and logarithms; `1e-7`.
        image_data_format: `channels_last` (default) or `channels_first`.
        threads: worker threads of a native program; `LAMINA_THREADS`, default the cores this process may use.
        cache_dir: folder of compiled programs; `LAMINA_CACHE_DIR`, default the user's cache folder.
        cache: whether compiled programs are kept on disk; `LAMINA_CACHE=0` switches it off.
        memory_planner: whether buffers share memory; `LAMINA_PLANNER=0` gives every buffer its own.
        poison: fill freed and fresh memory with NaN, to find reads of it; `LAMINA_POISON=1`.
        winograd: whether 3x3 convolutions of many channels run with fewer multiplications (Winograd's F(4x4, 3x3)),
            with a little more rounding; `LAMINA_WINOGRAD=0` for direct sums only.
        interpret: run everything in the NumPy interpreter; `LAMINA_INTERPRET=1`.
    """

    def __init__(self) -> None:
        self.floatx = "float32"
        self.dtype_policy: str | None = None
        self.epsilon = 1e-7
        self.image_data_format = "channels_last"
        self.threads = _threads()
        self.cache_dir = _cache_dir()
        self.cache = _switch("LAMINA_CACHE", True, "The folder of compiled programs is set by LAMINA_CACHE_DIR.")
        self.memory_planner = _switch("LAMINA_PLANNER", True)
        self.poison = _switch("LAMINA_POISON", False)
        self.winograd = _switch("LAMINA_WINOGRAD", True)
        self.interpret = _switch("LAMINA_INTERPRET", False)


_SWITCHES = {"1": True, "true": True, "on": True, "yes": True, "0": False, "false": False, "off": False, "no": False}


def _switch(name: str, default: bool, advice: str = "") -> bool:
    """An environment variable that is on or off; `default` where it is not set, or empty."""
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    if text.lower() not in _SWITCHES:
        raise ArgumentError(f"{name} must be 1 (on) or 0 (off). Received: {text!r}. {advice}".rstrip())
    return _SWITCHES[text.lower()]


def _threads() -> int:
    text = os.environ.get("LAMINA_THREADS", "")
    if not text:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not text.isdigit() or int(text) < 1:
        raise ArgumentError(f"LAMINA_THREADS must be a whole number of at least 1. Received: {text!r}.")
    return int(text)


def _cache_dir() -> Path:
    if os.environ.get("LAMINA_CACHE_DIR"):
        return Path(os.environ["LAMINA_CACHE_DIR"])
    if os.name == "nt":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return base / "lamina"


config = Config()


def floatx() -> str:
    """The default float dtype, `"float32"` unless changed."""
    return config.floatx


def set_floatx(dtype: str) -> None:
    """Sets the default float dtype: `"float16"`, `"bfloat16"`, `"float32"` or `"float64"`."""
    name = dtypes.canonical(dtype)
    if not dtypes.is_float(name):
        raise ArgumentError(f"floatx must be a float dtype, one of {dtypes.FLOATS}. Received: {dtype!r}.")
    config.floatx = name


def epsilon() -> float:
    """The small number that guards divisions and logarithms, `1e-7` unless changed."""
    return config.epsilon


def set_epsilon(value: float) -> None:
    config.epsilon = float(value)


def image_data_format() -> str:
    return config.image_data_format


def set_image_data_format(data_format: str) -> None:
    """Sets the default layout of images: `"channels_last"` or `"channels_first"`."""
    if data_format not in ("channels_last", "channels_first"):
        raise ArgumentError(f"data_format must be 'channels_last' or 'channels_first'. Received: {data_format!r}.")
    config.image_data_format = data_format


def dtype_policy() -> DTypePolicy:
    """The policy that new layers get: that of `floatx` unless one was set."""
    from lamina.base.policy import DTypePolicy

    return DTypePolicy()


def set_dtype_policy(policy: DTypePolicy | str | None) -> None:
    """Sets the policy of layers that are made from now on.

    Args:
        policy: a `DTypePolicy` or its name, such as `"mixed_bfloat16"` or `"float32"`; None for that of `floatx`.

    Raises:
        ArgumentError: if there is no such policy.
    """
    from lamina.base.policy import DTypePolicy

    if policy is not None and not isinstance(policy, DTypePolicy):
        policy = DTypePolicy(policy)
    config.dtype_policy = None if policy is None else policy.name
