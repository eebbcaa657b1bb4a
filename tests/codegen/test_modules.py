"""Functions are written once, and are seen by the modules that call them."""

from __future__ import annotations

from lamina.codegen.modules import ModuleWriter

ADD = "; a comment\ndefine internal void @add(ptr %x, i64 %n) noinline nounwind {\nentry:\n  ret void\n}"
TWICE = "define internal void @twice(ptr %x) nounwind {\nentry:\n  call void @add(ptr %x, i64 2)\n  ret void\n}"


def test_one_module_keeps_its_functions_to_itself():
    writer = ModuleWriter()
    writer.add("add", ADD)
    writer.use("add")
    assert writer.has("add") and not writer.has("twice")
    text = writer.finish_program(["define void @main() {\n  ret void\n}"])
    assert text.count("define internal") == 1 and "declare" not in text and "@main" in text


def test_a_later_module_declares_what_it_calls():
    writer = ModuleWriter()
    writer.add("add", ADD)
    first = writer.finish()
    assert "define hidden void @add(" in first and writer.lines == 0
    writer.use("add")
    writer.add("twice", TWICE)
    second = writer.finish_program([])
    assert "declare hidden void @add(ptr %x, i64 %n) noinline nounwind\n" in second
    assert "define internal void @twice(" in second


def test_what_is_not_called_is_not_declared():
    writer = ModuleWriter()
    writer.add("add", ADD)
    writer.finish()
    assert writer.has("add")
    assert "add" not in writer.finish_program([])
