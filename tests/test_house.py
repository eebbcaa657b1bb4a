"""The rules of the house: imports go one way, importing is light and silent, files stay small and finished."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "lamina"

# A part imports from the parts before it. What stands on one line may not import one another.
ORDER: tuple[tuple[str, ...], ...] = (
    ("version",),
    ("base",),
    ("graph",),
    ("primitives",),
    ("autodiff",),
    ("optimize",),
    ("schedule",),
    ("codegen",),
    ("runtime",),
    ("compiler",),
    ("tensor",),
    ("ops",),
    ("random",),
    ("objects",),
    ("dtype_policies",),
    ("activations", "initializers"),
    ("regularizers", "constraints"),
    ("layers",),
    ("losses",),
    ("metrics",),
    ("optimizers",),
    ("mixed_precision",),
    ("data", "datasets"),
    ("utils",),
    ("callbacks",),
    ("models",),
    ("generation",),
    ("debug",),
    ("saving",),
    ("compat",),
    ("deploy",),
    ("cli",),
)
RANK = {part: rank for rank, parts in enumerate(ORDER) for part in parts}

# Only these know the stages of the compiler: the stages themselves, the compiler, and the tools that look inside.
STAGES = {"optimize", "schedule", "codegen"}
MAY_SEE_STAGES = {*STAGES, "runtime", "compiler", "debug", "cli"}

# They offer or start the whole, and stand above every part.
ROOF = {"__init__", "__main__"}
MOST_LINES = 400
# NotImplementedError with a text is how a base class asks its subclasses for a method; without one, work was left.
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|\bNotImplementedError(?!\()|\bNotImplementedError\(\)")


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def part_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imported_parts(path: Path) -> Iterator[tuple[int, str]]:
    """The line and the part of the house of every import, those inside functions included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: write imports in full, not relative"
            module = node.module or ""
            names = [f"lamina.{alias.name}" for alias in node.names] if module == "lamina" else [module]
        else:
            continue
        for name in names:
            words = name.split(".")
            if words[0] == "lamina":
                yield node.lineno, words[1] if len(words) > 1 else "__init__"


def forbidden_imports(path: Path) -> Iterator[str]:
    here = part_of(path)
    for line, there in imported_parts(path):
        edge = f"{path.relative_to(ROOT)}:{line}: {here} imports {there}"
        if there == here or here in ROOF:
            continue
        if there in ROOF:
            # The commands are written as a user would write them, with the face of the package.
            if here != "cli":
                yield f"{edge}: import the part itself, not the face of the package"
        elif there not in RANK:
            yield f"{edge}: {there} has no place in ORDER"
        elif RANK[there] >= RANK[here]:
            yield f"{edge}, which stands after it"
        elif there in STAGES and here not in MAY_SEE_STAGES:
            yield f"{edge}: only lamina/compiler knows the stages"


@pytest.mark.parametrize("part", sorted({part_of(p) for p in modules()} - ROOF))
def test_imports_go_one_way(part):
    assert part in RANK, f"{part} has no place in ORDER"
    paths = [p for p in modules() if part_of(p) == part]
    assert [problem for p in paths for problem in forbidden_imports(p)] == []


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=ROOT, capture_output=True, text=True)


def test_import_is_light_and_silent():
    result = run_python(
        "import sys, lamina\n"
        "heavy = {'llvmlite', 'ml_dtypes', 'pandas', 'polars', 'matplotlib', 'h5py', 'safetensors', 'scipy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert result.stdout.strip() == "[]", "imported at start; import inside the functions that need it"


def test_every_module_imports():
    names = [".".join(p.relative_to(ROOT).with_suffix("").parts) for p in modules() if p.stem not in ROOF]
    result = run_python(f"import importlib\nfor name in {names!r}: importlib.import_module(name)")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize("folder", ["lamina", "tests", "examples", "benchmarks"])
def test_files_are_short(folder):
    lengths = {p: len(p.read_text(encoding="utf-8").splitlines()) for p in sorted((ROOT / folder).rglob("*.py"))}
    long = [f"{p.relative_to(ROOT)}: {n} lines" for p, n in lengths.items() if n > MOST_LINES]
    assert long == [], f"more than {MOST_LINES} lines: a file that asks to become two"


def test_nothing_is_left_unfinished():
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in modules()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if UNFINISHED.search(line)
    ]
    assert found == []


def test_every_module_says_what_it_is():
    silent = [str(p.relative_to(ROOT)) for p in modules() if not ast.get_docstring(ast.parse(p.read_text("utf-8")))]
    assert silent == []


def test_no_folder_is_a_namespace_by_accident():
    folders = {p.parent for p in modules()}
    assert [str(f.relative_to(ROOT)) for f in sorted(folders) if not (f / "__init__.py").is_file()] == []
