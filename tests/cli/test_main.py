from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lamina.base.config import config
from lamina.cli.main import main
from lamina.version import __version__


def test_demo_learns_shows_and_plots(tmp_path, capsys):
    assert main(["demo", "--output", str(tmp_path / "new" / "folder")]) == 0
    text = capsys.readouterr().out
    assert "Epoch 20/20" in text
    assert "Read rightly:" in text and "█" in text
    accuracy = float(re.search(r"Test accuracy: ([\d.]+)%", text).group(1))
    assert accuracy >= 95
    plot = tmp_path / "new" / "folder" / "learning_curves.svg"
    assert str(plot) in text
    polylines = list(ElementTree.parse(plot).iter("{http://www.w3.org/2000/svg}polyline"))
    assert [len(line.get("points").split()) for line in polylines] == [20, 20]


def test_demo_repeats_itself_with_the_same_seed(tmp_path, capsys):
    results = []
    for _ in range(2):
        main(["demo", "--epochs", "2", "--seed", "5", "--output", str(tmp_path)])
        results.append(capsys.readouterr().out.splitlines()[-1])
    assert results[0] == results[1]


@pytest.mark.parametrize(
    "words, complaint",
    [
        (["demo", "--epochs", "0"], "whole number of at least 1, received '0'"),
        (["demo", "--batch-size", "many"], "whole number of at least 1, received 'many'"),
        (["demo", "--seed", "-1"], "whole number of at least 0, received '-1'"),
        (["fly"], "invalid choice: 'fly'"),
        ([], "required: COMMAND"),
    ],
)
def test_wrong_words_are_refused_with_the_reason(words, complaint, capsys):
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    assert complaint in capsys.readouterr().err


def test_an_output_that_is_a_file_is_an_error_not_a_traceback(tmp_path, capsys):
    file = tmp_path / "taken"
    file.write_text("mine")
    assert main(["demo", "--output", str(file)]) == 1
    assert capsys.readouterr().err.startswith("lamina demo: ")
    assert file.read_text() == "mine"


def test_doctor_tells_what_runs_where(capsys):
    assert main(["doctor"]) == 0
    text = capsys.readouterr().out
    lines = dict(re.split(r"\s{2,}| ", line, maxsplit=1) for line in text.splitlines())
    assert lines["lamina"].strip() == __version__
    assert re.search(r"LLVM \d+", text)
    assert f"{config.threads} for a native program" in text
    assert str(config.cache_dir) in text
    assert lines["self-check"].strip().startswith("ok")


def test_doctor_clears_programs_and_nothing_else(tmp_path, capsys):
    config.cache_dir = tmp_path
    (tmp_path / "0f3a.object").write_bytes(b"old")
    (tmp_path / "letter.txt").write_text("mine")
    assert main(["doctor", "--clear-cache"]) == 0
    assert "1 entries deleted" in capsys.readouterr().out
    assert not (tmp_path / "0f3a.object").exists()
    assert (tmp_path / "letter.txt").read_text() == "mine"


def test_doctor_says_when_the_cache_cannot_be_used(tmp_path, capsys):
    config.cache_dir = tmp_path / "file"
    config.cache_dir.write_text("not a folder")
    assert main(["doctor"]) == 0
    assert "NOT usable" in capsys.readouterr().out


def test_module_runs_as_a_process():
    root = Path(__file__).resolve().parents[2]
    result = subprocess.run([sys.executable, "-m", "lamina", "--version"], cwd=root, capture_output=True, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (0, f"lamina {__version__}\n", "")
