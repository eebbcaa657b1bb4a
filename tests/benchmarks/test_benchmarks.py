"""The benchmark command, on tiny cases, and the arithmetic of its table."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import benchmarks.__main__
from benchmarks import table
from benchmarks.peers import find_peers
from benchmarks.runner import Measured, Result
from benchmarks.workload import Case, Goal, Workload
from benchmarks.workloads import WORKLOADS

ROOT = Path(__file__).resolve().parents[2]


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments], capture_output=True, text=True, cwd=ROOT, timeout=120
    )


def test_numpy_by_hand_is_measured_and_written_as_json(tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    done = command("--quick", "--repeats", "3", "--only", "line", "--peers", "numpy", "--json", str(file))
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(file.read_text())["rows"]
    (result,) = row["results"]
    assert result["peer"] == "numpy"
    assert len(result["samples"]) == 3
    assert result["median"] > 0


def test_lamina_trains_to_the_same_losses_as_numpy_by_hand() -> None:
    done = command("--quick", "--repeats", "1", "--only", "line,mlp", "--peers", "lamina,numpy")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("agree") == 4
    assert "DIFFER" not in done.stdout


def test_lamina_computes_the_same_as_numpy_by_hand() -> None:
    cases = [part for name in ("TN", "elementwise", "softmax forward", "3 to 8") for part in ("--case", name)]
    names = "matmul,bandwidth,convolution"
    done = command("--quick", "--repeats", "1", "--only", names, "--peers", "lamina,numpy", *cases)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("ran: lamina, numpy;") == 5
    assert "did not run" not in done.stdout
    assert "DIFFER" not in done.stdout


# Of the quick cases, as Keras 3.15 on TensorFlow 2.21 gives them.
NETWORK_LOSSES = {"cnn": 2.40695, "resnet18": 0.636234, "unet": 0.788146, "mobilenetv2": 5.88702}


@pytest.mark.parametrize(
    "name", ["cnn", *(pytest.param(name, marks=pytest.mark.slow) for name in ("resnet18", "unet", "mobilenetv2"))]
)
def test_lamina_trains_networks_to_the_losses_of_keras(name: str, tmp_path: Path) -> None:
    assert lamina_results(name, tmp_path)[0]["loss"] == pytest.approx(NETWORK_LOSSES[name], rel=1e-3)


# As PyTorch 2.13 and ONNX Runtime 1.31 give them.
@pytest.mark.parametrize(
    ("network", "checksum"), [pytest.param("resnet50", 892.593, marks=pytest.mark.slow), ("mobilenetv2", 323.864)]
)
def test_lamina_infers_what_pytorch_does(network: str, checksum: float, tmp_path: Path) -> None:
    (result,) = lamina_results("inference", tmp_path, "--case", network)
    assert result["loss"] == pytest.approx(checksum, rel=1e-4)


def lamina_results(name: str, folder: Path, *arguments: str) -> list[dict]:
    file = folder / "rows.json"
    done = command("--quick", "--repeats", "1", "--only", name, "--peers", "lamina", "--json", str(file), *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return [row["results"][0] for row in json.loads(file.read_text())["rows"]]


@pytest.mark.parametrize(("name", "case"), [("compile-time", "gpt, filled"), ("peak-memory", "gained")])
def test_what_is_measured_of_networks_is_positive(name: str, case: str, tmp_path: Path) -> None:
    (result,) = lamina_results(name, tmp_path, "--case", case)
    assert result["median"] > 0


def test_the_peak_of_the_machine_is_measured_beside_lamina() -> None:
    done = command("--quick", "--repeats", "1", "--only", "lstm", "--peers", "lamina,peak")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ran: lamina, peak;" in done.stdout


def test_small_workloads_run_for_lamina() -> None:
    names = ("process", "overhead", "predict", "call", "first-call", "import", "memory", "compile-length")
    done = command("--quick", "--repeats", "1", "--only", ",".join(names), "--peers", "lamina")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "did not run" not in done.stdout
    assert all(f"## {name}: " in done.stdout for name in names)


def test_an_unknown_workload_is_refused_with_the_known_ones() -> None:
    done = command("--only", "knitting")
    assert done.returncode == 2
    assert "unknown: knitting" in done.stderr
    assert "mlp" in done.stderr


def test_where_lamina_is_wanted_and_not_found_it_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmarks.__main__, "find_peers", lambda envs: {})
    monkeypatch.setattr(benchmarks.__main__.signal, "signal", lambda *_: None)
    assert benchmarks.__main__.main(["--quick", "--only", "line", "--repeats", "1"]) == 1


def test_an_interpreter_that_does_not_start_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    places = find_peers([str(tmp_path / "no-such-python")])
    assert "numpy" in places
    assert "left out" in capsys.readouterr().err


def test_a_named_interpreter_serves_only_its_peer() -> None:
    places = find_peers([f"numpy={sys.executable}"])
    assert places["numpy"].python == sys.executable


def measured(results: list[Result], goal: Goal, more_is_better: bool = False) -> Measured:
    workload = Workload("w", "title", "ms", lambda quick: [], {}, more_is_better=more_is_better)
    return Measured(workload, Case("case", {}, goal), "all", results)


def test_ratios_are_of_medians_and_turn_with_the_direction() -> None:
    results = [Result("lamina", [2.0, 1.0, 9.0]), Result("torch", [6.0])]
    assert table.times_better(measured(results, Goal()), results[1]) == 3.0
    assert table.times_better(measured(results, Goal(), more_is_better=True), results[1]) == pytest.approx(1 / 3)


def test_a_share_of_a_peak_told_as_a_time_is_the_inverse() -> None:
    results = [Result("lamina", [4.0]), Result("peak", [1.0])]
    assert table.share_of_peak(measured(results, Goal()), results[0]) == 0.25
    assert table.share_of_peak(measured(results, Goal(), more_is_better=True), results[0]) == 4.0


def test_goals_are_judged_against_limit_share_and_fastest_peer() -> None:
    goal = Goal(limit=3.0, share=0.5, times={"fastest": 4.0})
    results = [Result("lamina", [2.0]), Result("peak", [0.5]), Result("torch", [6.0]), Result("numpy", [20.0])]
    verdicts = table.verdicts(measured(results, goal))
    assert [v["met"] for v in verdicts] == [True, False, False]
    assert [v["value"] for v in verdicts] == [2.0, 0.25, 3.0]


def test_a_goal_against_a_missing_peer_is_not_measured() -> None:
    (verdict,) = table.verdicts(measured([Result("lamina", [2.0])], Goal(times={"torch": 2.0})))
    assert verdict["met"] is None
    assert "not measured" in verdict["text"]


def test_losses_are_compared_with_numpy_by_hand() -> None:
    results = [Result("lamina", [1.0], 0.5), Result("numpy", [1.0], 0.502), Result("torch", [1.0], 0.6)]
    case = measured(results, Goal())
    assert [table.agrees(case, result) for result in results] == [True, True, False]
    assert "DIFFER" in table.render(case)


def test_without_numpy_the_peers_are_the_judge_and_not_lamina() -> None:
    results = [Result("lamina", [1.0], 9.0), Result("torch", [1.0], 0.5), Result("jax-jit", [1.0], 0.501)]
    case = measured(results, Goal())
    assert [table.agrees(case, result) for result in results] == [False, True, True]


def test_a_peer_that_fails_says_why() -> None:
    text = table.render(measured([Result("torch", failed="ImportError: no such thing")], Goal()))
    assert "did not run: ImportError: no such thing" in text


def test_every_workload_measures_lamina() -> None:
    assert all("lamina" in workload.peers for workload in WORKLOADS.values())


def test_below_a_table_stands_who_ran_and_who_did_not() -> None:
    peers = dict.fromkeys(("lamina", "peak", "torch", "jax-jit"))
    workload = Workload("w", "title", "ms", lambda quick: [], peers)  # type: ignore[arg-type]
    results = [Result("lamina", [1.0]), Result("torch", failed="no such thing")]
    case = Measured(workload, Case("case"), "all", results)
    asked = ["lamina", "peak", "torch"]
    expected = "  peers: ran: lamina; did not run: torch; not found: peak; not asked for: jax-jit"
    assert table.peers_line(case, asked) == expected
    assert "not found: peak, jax-jit" in table.peers_line(case)


def test_a_missing_environment_is_named_with_what_it_lacks(tmp_path: Path) -> None:
    places = ("--envs", f"torch={tmp_path / 'python'}", "--envs", str(tmp_path))
    done = command("--quick", "--repeats", "1", "--only", "line", "--peers", "lamina,torch", *places)
    assert done.returncode == 0, done.stderr
    assert "NOT FOUND: torch (needs torch in one environment; looked in " in done.stdout
    assert str(tmp_path) in done.stdout
    assert "ran: lamina; not found: torch; not asked for:" in done.stdout
    assert f"{tmp_path}: left out (no environment in this folder)" in done.stderr


def test_help_tells_how_to_measure_a_part() -> None:
    done = command("--help")
    assert done.returncode == 0
    assert all(text in done.stdout for text in ("--only", "--case", "--peers", "--quick", "examples:", "three minutes"))


def test_parts_of_names_that_leave_no_case_are_an_error() -> None:
    done = command("--quick", "--only", "line", "--peers", "lamina", "--case", "knitting")
    assert done.returncode == 1
    assert "no case was measured" in done.stderr
