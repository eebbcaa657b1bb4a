"""Packages that are not installed: the error has the command that installs them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lamina.base import packages
from lamina.base.errors import MissingExtraError


def without(package: str, code: str) -> subprocess.CompletedProcess[str]:
    """Runs code in a process that does not find a package."""
    hidden = f"import sys; sys.modules[{package!r}] = None; import lamina\n{code}"
    return subprocess.run([sys.executable, "-c", hidden], capture_output=True, text=True)


def test_no_compiler():
    code = "lamina.config.config.interpret = False\nlamina.function(lambda x: x + 1)(1.0)"
    last = without("llvmlite", code).stderr.strip().splitlines()[-1]
    assert "MissingExtraError: Compiled programs need the package 'llvmlite'" in last
    assert "pip install llvmlite" in last and "LAMINA_INTERPRET=1" in last
    code = "lamina.config.config.interpret = True\nprint(lamina.function(lambda x: x + 1)(1.0))"
    assert "2." in without("llvmlite", code).stdout


def test_no_bfloat16():
    last = without("ml_dtypes", "lamina.ops.ones((2,), 'bfloat16')").stderr.strip().splitlines()[-1]
    assert "MissingExtraError: The dtype bfloat16 needs the package 'ml_dtypes'" in last and "pip install" in last


def test_the_doctor_says_so_too():
    found = without("llvmlite", "from lamina.cli.main import main; sys.exit(main(['doctor']))")
    assert found.returncode == 1 and "pip install llvmlite" in found.stdout and not found.stderr


def test_a_package_that_is_there_and_misses_another(tmp_path, monkeypatch):
    (tmp_path / "half_a_package.py").write_text("import there_is_no_such_package")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="there_is_no_such_package") as found:
        packages.required("half_a_package")
    assert not isinstance(found.value, MissingExtraError)
    with pytest.raises(MissingExtraError, match="pip install there_is_no_such_package"):
        packages.required("there_is_no_such_package")
