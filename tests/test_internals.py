"""The story of the internals runs as anyone would run it, and tells all of its chapters, whatever the settings."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
STORY = ROOT / "docs" / "internals.py"
CHAPTERS = re.findall(r'^chapter\("(.+)"\)$', STORY.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("settings", [{}, {"LAMINA_INTERPRET": "1", "LAMINA_THREADS": "1", "LAMINA_CACHE": "0"}])
def test_the_story_runs(settings, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **settings}
    result = subprocess.run(
        [sys.executable, "-W", "error", str(STORY)], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    told = re.findall(r"^(\d+\. .+)\n=+$", result.stdout, re.MULTILINE)
    assert told == CHAPTERS
    assert [int(chapter.split(".")[0]) for chapter in told] == list(range(1, 17))
    assert list(tmp_path.iterdir()) == []
