"""The machine that code is generated for: its vectors, registers, caches, and what LLVM must be told of it."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lamina.base import dtypes
from lamina.base.errors import ArgumentError
from lamina.base.packages import required

CACHE_LINE = 64
_DEFAULT_CACHES = (32 << 10, 512 << 10, 8 << 20)


@dataclass(frozen=True)
class Target:
    """One instruction set on one kind of processor.

    Attributes:
        name: the instruction set: `avx512`, `avx2`, `sse2`, `neon`, `wasm` or `scalar`.
        triple: LLVM's name of architecture and system.
        cpu: LLVM's name of the processor, `""` for the baseline.
        features: LLVM's feature string.
        vector_bytes: width of a vector register; 0 where there are none.
        registers: how many vector registers there are (floating-point registers where there are no vectors).
        has_fma: whether a multiply and an add are one instruction.
        has_masks: whether loading part of a vector costs no more than loading all of it.
        caches: bytes of the data caches of level 1, 2 and 3, as seen by one core (level 3 may be shared).
    """

    name: str
    triple: str
    cpu: str
    features: str
    vector_bytes: int
    registers: int
    has_fma: bool
    has_masks: bool
    caches: tuple[int, int, int] = _DEFAULT_CACHES

    def lanes(self, dtype: str) -> int:
        """How many elements of `dtype` a vector holds; 1 where there are no vectors."""
        return max(1, self.vector_bytes // dtypes.size(dtype))

    @property
    def attributes(self) -> str:
        """The attributes that every generated function carries, as LLVM text.

        Some processors are tuned for narrower vectors than they have, and LLVM would then split ours.
        """
        width = self.vector_bytes * 8
        vectors = f' "prefer-vector-width"="{width}" "min-legal-vector-width"="{width}"' if width > 128 else ""
        return f"nounwind{vectors}"


def _x86(name: str, triple: str, cpu: str, features: str, caches: tuple[int, int, int]) -> Target:
    width = {"avx512": 64, "avx2": 32, "sse2": 16, "scalar": 0}[name]
    return Target(
        name, triple, cpu, features, width,
        registers=32 if name == "avx512" else 16,
        has_fma=width >= 32,
        has_masks=width >= 32,
        caches=caches,
    )  # fmt: skip


def neon_target(triple: str = "aarch64-unknown-linux-gnu", cpu: str = "", features: str = "+neon") -> Target:
    """64-bit Arm with its 128-bit vectors."""
    return Target("neon", triple, cpu, features, 16, 32, has_fma=True, has_masks=False, caches=_host_caches())


def wasm_target() -> Target:
    """WebAssembly with 128-bit vectors; it has no fused multiply-add."""
    return Target("wasm", "wasm32-unknown-unknown", "", "+simd128", 16, 16, has_fma=False, has_masks=False)


def scalar_target(triple: str = "") -> Target:
    """Any processor, one number at a time; the host's own triple by default."""
    return Target("scalar", triple or _binding().get_process_triple(), "", "", 0, 16, has_fma=False, has_masks=False)


def host_target() -> Target:
    """The machine that this process runs on.

    The environment variable `LAMINA_TARGET` (`avx512`, `avx2`, `sse2`, `neon` or `scalar`) asks for a lesser
    instruction set than the machine has, so that its code can be tested here.

    Raises:
        ArgumentError: if `LAMINA_TARGET` is none of these, or the machine lacks it.
    """
    asked = os.environ.get("LAMINA_TARGET", "")
    targets = host_targets()
    if not asked:
        return targets[0]
    for target in targets:
        if target.name == asked:
            return target
    names = ", ".join(target.name for target in targets)
    raise ArgumentError(f"LAMINA_TARGET must be one of {names} on this machine. Received: {asked!r}.")


@functools.cache
def host_targets() -> tuple[Target, ...]:
    """Every target whose code this machine runs, the best one first."""
    binding = _binding()
    triple = binding.get_process_triple()
    architecture = triple.split("-")[0]
    cpu, features = binding.get_host_cpu_name(), binding.get_host_cpu_features()
    if architecture in ("aarch64", "arm64"):
        return neon_target(triple, cpu, features.flatten()), scalar_target(triple)
    if architecture not in ("x86_64", "amd64"):
        return (scalar_target(triple),)
    return _host_x86(triple, cpu, features)


def _host_x86(triple: str, cpu: str, features: Any) -> tuple[Target, ...]:
    caches = _host_caches()
    wide = all(features.get(name) for name in ("avx512f", "avx512vl", "avx512dq", "avx512bw"))
    fused = features.get("avx2") and features.get("fma")
    targets = []
    if wide and fused:
        targets.append(_x86("avx512", triple, cpu, features.flatten(), caches))
        targets.append(_x86("avx2", triple, "x86-64-v3", "", caches))
    elif fused:
        targets.append(_x86("avx2", triple, cpu, features.flatten(), caches))
    targets.append(_x86("sse2", triple, "x86-64", "", caches))
    targets.append(_x86("scalar", triple, "x86-64", "", caches))
    return tuple(targets)


def _binding() -> Any:
    return required("llvmlite.binding")


@functools.cache
def _host_caches() -> tuple[int, int, int]:
    """Sizes of the data caches, from Linux where it tells; common sizes elsewhere."""
    sizes = list(_DEFAULT_CACHES)
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        try:
            level = int((index / "level").read_text())
            if (index / "type").read_text().strip() != "Instruction" and 1 <= level <= 3:
                sizes[level - 1] = _bytes((index / "size").read_text().strip())
        except (OSError, ValueError):
            continue
    return sizes[0], sizes[1], sizes[2]


def _bytes(text: str) -> int:
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    return int(text[:-1]) * units[text[-1]] if text[-1] in units else int(text)
