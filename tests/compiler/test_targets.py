"""Every instruction set whose code this machine runs gives what NumPy gives."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lamina.schedule.target import host_targets

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", [t.name for t in host_targets()])
def test_target(name):
    environment = {**os.environ, "LAMINA_TARGET": name, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error", "-m", "tests.compiler.other_target", name]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
