"""Machine code: compiled, kept on disk, loaded, called."""

from __future__ import annotations

import ctypes
import gc
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lamina.base.config import config
from lamina.base.errors import CompileError
from lamina.runtime import cache, native
from lamina.schedule.target import host_targets, neon_target, wasm_target

ADD = """
define i64 @add(i64 %x, i64 %y) {
  %place = alloca i64
  store i64 %x, ptr %place
  %again = load i64, ptr %place
  %sum = add i64 %again, %y
  ret i64 %sum
}
"""
INT = ctypes.c_int64


def test_build_and_call() -> None:
    library = native.build(ADD, ["add"])
    assert library.function("add", INT, INT, INT)(40, 2) == 42
    assert library.address("add") != 0


def test_functions_of_the_c_library_are_found() -> None:
    text = """
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
define void @fill(ptr %p, i64 %n) {
  call void @llvm.memset.p0.i64(ptr %p, i8 7, i64 %n, i1 0)
  ret void
}
"""
    array = np.zeros(1000, np.uint8)
    native.build(text, ["fill"]).function("fill", None, ctypes.c_void_p, INT)(array.ctypes.data, 999)
    assert (array[:999] == 7).all()
    assert array[999] == 0


@pytest.mark.parametrize("target", host_targets(), ids=lambda target: target.name)
def test_every_target_of_the_host_runs(target) -> None:
    lanes = target.lanes("float32")
    vector = f"<{lanes} x float>" if lanes > 1 else "float"
    text = f"""
define void @double(ptr %p) {target.attributes} {{
  %x = load {vector}, ptr %p, align 4
  %y = fadd {vector} %x, %x
  store {vector} %y, ptr %p, align 4
  ret void
}}
"""
    array = np.ones(64, np.float32)
    native.build(text, ["double"], target).function("double", None, ctypes.c_void_p)(array.ctypes.data)
    assert array.sum() == 64 + lanes


def test_libraries_have_names_of_their_own() -> None:
    first = native.build("define i32 @f() { ret i32 1 }", ["f"])
    second = native.build("define i32 @f() { ret i32 2 }", ["f"])
    assert [library.function("f", ctypes.c_int)() for library in (first, second)] == [1, 2]
    del first
    gc.collect()
    assert second.function("f", ctypes.c_int)() == 2


@pytest.mark.parametrize(
    "text",
    [
        "define i32 @f() { ret i64 0 }",
        "not a program",
        "define void @f() { call void @nowhere() ret void }",
    ],
    ids=["type", "syntax", "undeclared"],
)
def test_invalid_text_is_a_compile_error(text: str) -> None:
    with pytest.raises(CompileError, match="not valid"):
        native.build(text, ["f"])


def test_a_missing_export_is_a_compile_error() -> None:
    with pytest.raises(CompileError, match="nope"):
        native.build(ADD, ["nope"])


def test_pointers_made_of_integers_are_refused() -> None:
    with pytest.raises(CompileError, match="pointer"):
        native.build("define ptr @f(i64 %x) { %p = inttoptr i64 %x to ptr ret ptr %p }", ["f"])


def test_the_second_build_comes_from_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.cache, config.cache_dir = True, tmp_path
    native.build(ADD, ["add"])
    monkeypatch.setattr(native, "compile_object", None)
    assert native.build(ADD, ["add"]).function("add", INT, INT, INT)(1, 2) == 3


def test_a_cached_object_that_does_not_link_is_compiled_anew(tmp_path: Path) -> None:
    config.cache, config.cache_dir = True, tmp_path
    key = native.object_key(ADD, host_targets()[0])
    cache.put(key, b"whole, but no object")
    assert native.build(ADD, ["add"], host_targets()[0]).function("add", INT, INT, INT)(1, 2) == 3
    assert cache.get(key) != b"whole, but no object"


def test_keys_depend_on_text_target_and_effort() -> None:
    first, *others = host_targets()
    keys = {native.object_key(ADD, target) for target in (first, *others)}
    keys |= {native.object_key(ADD, first, 3), native.object_key(ADD + " ", first)}
    assert len(keys) == len({(t.cpu, t.features) for t in (first, *others)}) + 2


def test_text_of_the_passes_and_of_the_machine() -> None:
    assert "alloca" not in native.optimized_text(ADD)
    assert "add:" in native.assembly(ADD)


@pytest.mark.parametrize("target", [neon_target(), wasm_target()], ids=lambda target: target.name)
def test_other_machines_get_objects_too(target) -> None:
    magic = {"neon": b"\x7fELF", "wasm": b"\0asm"}[target.name]
    assert native.compile_object(ADD, target).startswith(magic)


def test_importing_does_not_load_llvm() -> None:
    code = "import sys, lamina.runtime.native, lamina.runtime.threads; sys.exit('llvmlite' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_objects_joined_for_the_cache_come_apart_again():
    for objects in ([], [b"one"], [b"", b"two", b"three" * 1000]):
        assert native.split_objects(native.join_objects(objects)) == objects


def test_modules_compiled_side_by_side_are_linked_with_each_other():
    inner = "define hidden i64 @inner(i64 %x) { %y = mul i64 %x, 3 ret i64 %y }"
    outer = "declare hidden i64 @inner(i64) define i64 @outer(i64 %x) { %y = call i64 @inner(i64 %x) ret i64 %y }"
    objects = [native.compile_object(text, host_targets()[0]) for text in (inner, outer)]
    library = native.load(objects, ["outer"])
    assert library.function("outer", ctypes.c_int64, ctypes.c_int64)(14) == 42
