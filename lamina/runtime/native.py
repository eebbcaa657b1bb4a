"""LLVM text to machine code in this process, and back to text for those who want to look.

The pipeline is short and named: generated code is vectorised, hoisted and unrolled by its generator. For elementwise
and matrix kernels LLVM's own O1 and O2 pipelines took over ten times as long as this one, and the code ran no faster.
They do help code that keeps its sums in memory from step to step; generated code should not.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import struct
import threading
from collections.abc import Sequence
from typing import Any

from lamina.base.errors import CompileError
from lamina.base.packages import required
from lamina.runtime import cache
from lamina.schedule.target import Target, host_target

# Names of llvmlite's pass manager methods, without add_ and _pass.
PASSES = ("sroa", "simplify_cfg", "loop_rotate", "simplify_cfg")
# How hard LLVM's code generator tries, 0 to 3. Above 1 it took a fifth longer, for code of the same speed.
EFFORT = 1

_lock = threading.RLock()
_numbers = itertools.count()
_machines = threading.local()
_COUNT = struct.Struct("<Q")


class Library:
    """Machine code in memory; unloaded when the last reference to it is gone, so keep one while its code may run."""

    def __init__(self, tracker: Any, exports: Sequence[str]):
        self._tracker = tracker
        self._addresses = {name: tracker[name] for name in exports}

    def address(self, name: str) -> int:
        """Where an exported function begins."""
        return self._addresses[name]

    def function(self, name: str, result: Any, *arguments: Any) -> Any:
        """An exported function as a callable with ctypes types; calling it lets go of the interpreter's lock.

        It keeps the library loaded; an address alone does not.
        """
        function = prototype(result, *arguments)(self._addresses[name])
        function.library = self
        return function


@functools.cache
def prototype(result: Any, *arguments: Any) -> Any:
    """The ctypes function type of these types, made once."""
    return ctypes.CFUNCTYPE(result, *arguments)


def build(text: str, exports: Sequence[str], target: Target | None = None, *, effort: int = EFFORT) -> Library:
    """Compiles LLVM text, or takes the machine code from the cache, and loads it.

    Args:
        text: a module without triple and data layout.
        exports: functions to be called from Python; they must not be `internal`.
        target: the machine, by default this one; it must be one that this process can run on.
        effort: how hard LLVM's code generator tries, 0 to 3.

    Raises:
        CompileError: if the text is not valid.
    """
    target = target or host_target()
    key = object_key(text, target, effort)
    data = cache.get(key)
    if data is not None:
        try:
            return load([data], exports)
        except CompileError:
            # It passed the checksum and yet does not link; compile it anew.
            data = None
    data = compile_object(text, target, effort=effort)
    cache.put(key, data)
    return load([data], exports)


def object_key(text: str, target: Target, effort: int = EFFORT) -> str:
    """The cache key of the object code that `compile_object` gives for the same arguments.

    The text may be any that decides the LLVM text, such as printed loop IR, if it cannot be taken for another's.
    """
    return cache.key_of(
        text, llvm_version(), target.triple, target.cpu, target.features, f"{effort} {' '.join(PASSES)}"
    )


def compile_object(text: str, target: Target, *, effort: int = EFFORT) -> bytes:
    """Compiles LLVM text to the bytes of an object file.

    Raises:
        CompileError: if the text is not valid.
    """
    module, machine = _optimized(text, target, effort)
    return _emitted(module, machine)


def join_objects(objects: Sequence[bytes]) -> bytes:
    """Several object files as one entry for the cache."""
    return b"".join([_COUNT.pack(len(objects)), *(_COUNT.pack(len(o)) for o in objects), *objects])


def split_objects(data: bytes) -> list[bytes]:
    """The object files that `join_objects` put together."""
    (count,) = _COUNT.unpack_from(data)
    lengths = [_COUNT.unpack_from(data, _COUNT.size * (k + 1))[0] for k in range(count)]
    ends = list(itertools.accumulate(lengths, initial=_COUNT.size * (count + 1)))
    return [data[begin:end] for begin, end in itertools.pairwise(ends)]


def assembly(text: str, target: Target | None = None, *, effort: int = EFFORT) -> str:
    """The assembly text of what `compile_object` makes."""
    module, machine = _optimized(text, target or host_target(), effort)
    return machine.emit_assembly(module)


def optimized_text(text: str, target: Target | None = None, *, effort: int = EFFORT) -> str:
    """LLVM text after the passes, before the code generator."""
    return str(_optimized(text, target or host_target(), effort)[0])


def load(objects: Sequence[bytes], exports: Sequence[str]) -> Library:
    """Links object files into this process, with each other.

    Functions that they lack, such as memset, are looked for in the libraries of the process.

    Raises:
        CompileError: if they cannot be linked, or lack an export.
    """
    binding = _binding()
    with _lock:
        builder = binding.JITLibraryBuilder()
        for data in objects:
            builder.add_object_img(data)
        builder.add_current_process()
        for name in exports:
            builder.export_symbol(name)
        try:
            jit = _jit()
            tracker = builder.link(jit, f"lamina{next(_numbers)}")
        except RuntimeError as error:
            raise CompileError(f"Machine code could not be loaded: {error}") from error
    # The linker goes when the code goes: one that serves all would keep some memory of every library for ever.
    tracker.jit = jit
    return Library(tracker, exports)


@functools.cache
def llvm_version() -> str:
    """LLVM's version, as `22.1.0`."""
    return ".".join(str(n) for n in _binding().llvm_version_info)


def _optimized(text: str, target: Target, effort: int) -> tuple[Any, Any]:
    """The module after the passes, and the target machine."""
    if "inttoptr" in text:
        raise CompileError("Generated code makes a pointer of an integer, which hides from LLVM what it points to.")
    binding = _binding()
    machine = _machine(target, effort)
    module = _parsed(text)
    module.triple = target.triple
    module.data_layout = str(machine.target_data)
    options = binding.create_pipeline_tuning_options(speed_level=effort)
    # Generated code is vectorised already, and the SLP vectoriser takes very long on unrolled code.
    options.slp_vectorization = options.loop_vectorization = False
    options.loop_interleaving = options.loop_unrolling = False
    manager = binding.create_new_module_pass_manager()
    for name in PASSES:
        getattr(manager, f"add_{name}_pass")()
    manager.run(module, binding.create_pass_builder(machine, options))
    return module, machine


def _parsed(text: str) -> Any:
    try:
        # In a context of its own, as a context keeps the types and constants of all that it ever saw.
        module = _binding().parse_assembly(text, _binding().create_context())
        module.verify()
    except RuntimeError as error:
        raise CompileError(f"Generated code is not valid: {error}") from error
    return module


def _emitted(module: Any, machine: Any) -> bytes:
    """The object file of a module.

    llvmlite lets one thread at a time into LLVM. LLVM itself asks only that threads share no module, context or
    machine, and here they share none; so the one call that takes long is made without llvmlite's lock, if possible.
    """
    from llvmlite.binding import ffi

    emit = ffi.lib.LLVMPY_TargetMachineEmitToMemory
    with ffi.OutputString() as error:
        memory = getattr(emit, "_cfn", emit)(machine, module, 1, error)
        if not memory:
            raise CompileError(f"LLVM could not generate machine code: {error}")
    try:
        return ctypes.string_at(ffi.lib.LLVMPY_GetBufferStart(memory), ffi.lib.LLVMPY_GetBufferSize(memory))
    finally:
        ffi.lib.LLVMPY_DisposeMemoryBuffer(memory)


def _machine(target: Target, effort: int) -> Any:
    """This thread's machine for a target."""
    known = _machines.__dict__.setdefault("known", {})
    if (target, effort) not in known:
        known[target, effort] = _new_machine(target, effort)
    return known[target, effort]


def _new_machine(target: Target, effort: int) -> Any:
    binding = _binding()
    if target.triple.split("-")[0] != binding.get_process_triple().split("-")[0]:
        _initialize_all()
    try:
        family = binding.Target.from_triple(target.triple)
    except RuntimeError as error:
        raise CompileError(f"LLVM here has no code generator for {target.triple}: {error}") from error
    # Position-independent code of the small model: constants are reached without 64-bit addresses.
    return family.create_target_machine(
        cpu=target.cpu, features=target.features, opt=effort, reloc="pic", codemodel="default"
    )


@functools.cache
def _initialize_all() -> None:
    binding = _binding()
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()


def _jit() -> Any:
    """A linker. JITLink keeps all parts of an object near each other."""
    binding = _binding()
    machine = binding.Target.from_triple(binding.get_process_triple()).create_target_machine()
    return binding.create_lljit_compiler(machine, use_jit_link=True, suppress_errors=True)


@functools.cache
def _binding() -> Any:
    """llvmlite, imported and initialised on first use: it takes about 50 ms, which `import lamina` should not."""
    binding = required("llvmlite.binding")
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding
