"""Machine code of kernels, compiled while others are still being scheduled."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lamina.codegen.kernel_modules import KernelModules
    from lamina.schedule.loops import Kernel


class Ahead:
    """Compiles modules side by side in threads, which LLVM needs no interpreter for.

    Args:
        kernels: writes the modules.
        compile_: makes the bytes of an object file of a module's text.
        workers: threads that compile; with one, all is compiled at the end.
        most_lines: where a module is so long, another one begins.
    """

    def __init__(self, kernels: KernelModules, compile_: Callable[[str], bytes], workers: int, most_lines: int):
        self.kernels = kernels
        self._compile, self._workers, self._most_lines = compile_, workers, most_lines
        self._pool: Any = None
        self._jobs: list[Callable[[], bytes]] = []

    def take(self, kernel: Kernel) -> None:
        """A kernel is there."""
        self.kernels.add(kernel)
        if self.kernels.writer.lines >= self._most_lines:
            self._start(self.kernels.writer.finish())

    def objects(self, last: str) -> list[bytes]:
        """All object files, the last of which is that of this module.

        Raises:
            CompileError: if a module is not valid.
        """
        if not self._jobs:
            return [self._compile(last)]
        self._start(last)
        return [job() for job in self._jobs]

    def stop(self) -> None:
        """What has not begun is not wanted any more."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _start(self, text: str) -> None:
        if self._workers == 1:
            self._jobs.append(lambda: self._compile(text))
            return
        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(self._workers, "lamina-compile")
        self._jobs.append(self._pool.submit(self._compile, text).result)
