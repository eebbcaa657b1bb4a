"""The networks over time of the benchmarks: their sizes and work, and what Lamina makes of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.networks.plan import from_arrays, to_arrays
from benchmarks.runner import Options, chosen_cases
from benchmarks.sequences import SEQUENCES
from benchmarks.sequences.plan import SequencePlan, initial_weights
from benchmarks.workloads import WORKLOADS, sequence_trainers
from benchmarks.workloads.sequence_trainers import sequence_settings

ROOT = Path(__file__).resolve().parents[2]


def plan_of(name: str, **sizes: int) -> SequencePlan:
    return SequencePlan(SEQUENCES[name], {**SEQUENCES[name].sizes, **sizes})


# Of the quick cases, as PyTorch 2.13 gives them.
LOSSES = {"lstm": 0.697930, "bilstm": 1.27084, "gru-lm": 3.40422, "transformer": 3.53271, "gpt": 3.59416}


@pytest.fixture(scope="module")
def lamina_results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    """What Lamina gives for the quick case of each workload; all by one run of the command."""
    file = tmp_path_factory.mktemp("sequences") / "rows.json"
    names = ",".join([*LOSSES, "custom-cell", "generation"])
    command = [sys.executable, "-m", "benchmarks", "--quick", "--repeats", "1", "--only", names, "--peers", "lamina"]
    done = subprocess.run([*command, "--json", str(file)], capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return {row["workload"]: row["results"][0] for row in json.loads(file.read_text())["rows"]}


@pytest.mark.parametrize("name", LOSSES)
def test_lamina_trains_networks_over_time_to_the_losses_of_pytorch(name: str, lamina_results: dict[str, dict]) -> None:
    assert lamina_results[name]["loss"] == pytest.approx(LOSSES[name], rel=1e-4)


def test_a_cell_by_hand_trains_as_the_built_in_does(lamina_results: dict[str, dict]) -> None:
    assert lamina_results["custom-cell"]["loss"] == pytest.approx(LOSSES["lstm"], rel=1e-4)


def test_lamina_generates_the_tokens_of_pytorch(lamina_results: dict[str, dict]) -> None:
    result = lamina_results["generation"]
    assert result["loss"] == 190  # as PyTorch 2.13 with a cache of its own
    assert result["median"] > 0


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("lstm", 5000 * 64 + 4 * (64 + 64 + 1) * 64 + 64 + 1),
        ("gru-lm", 5000 * 256 + 3 * (256 + 256 + 2) * 256 + 257 * 5000),
        ("gpt", 128 * 384 + 256 * 384 + 6 * 1_774_464 + 2 * 384 + 385 * 128),
    ],
)
def test_networks_have_the_parameters_of_their_formulas(name: str, parameters: int) -> None:
    plan = plan_of(name)
    assert sum(int(np.prod(shape)) for layer in plan.layers for shape in layer.shapes) == parameters


@pytest.mark.parametrize("name", ["lstm", "bilstm", "gru-lm"])
def test_work_of_recurrent_networks_grows_with_the_steps(name: str) -> None:
    work = [plan_of(name, steps=steps).forward for steps in (50, 100, 150)]
    assert work[2] - work[1] == work[1] - work[0] > 0


def test_work_of_an_lstm_is_that_of_its_two_products() -> None:
    plan = plan_of("lstm")
    assert plan.forward == 2 * (100 * (64 + 64) * 4 * 64 + 64)
    assert plan.training == 3 * plan.forward  # the embedding under it learns


def test_gradients_of_features_are_not_counted() -> None:
    plan = plan_of("bilstm")
    assert plan.training == 3 * plan.forward - 2 * (2 * 200 * 64 * 4 * 128)


def test_a_causal_mask_leaves_half_of_the_pairs() -> None:
    size, pairs = 384, 256 * 257 // 2
    plan = plan_of("gpt", layers=1)
    assert plan.forward - plan_of("gpt", layers=0).forward == 2 * (256 * 12 * size * size + 2 * pairs * size)


@pytest.mark.parametrize("name", SEQUENCES)
def test_weights_survive_the_way_through_a_file(name: str) -> None:
    weights = initial_weights(SequencePlan(SEQUENCES[name], SEQUENCES[name].quick))
    again = from_arrays(to_arrays(weights))
    assert [len(layer) for layer in again] == [len(layer) for layer in weights]
    assert all(np.array_equal(a, b) for one, two in zip(again, weights) for a, b in zip(one, two))


def test_examples_have_tokens_labels_or_a_token_for_every_step() -> None:
    text = sequence_trainers.inputs(sequence_settings("lstm", 4, 2, quick=True))
    assert text["x"].shape == (8, 7) and set(text["y"].ravel()) == {0.0, 1.0}
    waves = sequence_trainers.inputs(sequence_settings("bilstm", 4, 2, quick=True))
    assert waves["x"].shape == (8, 7, 5) and waves["y"].max() < 4
    language = sequence_trainers.inputs(sequence_settings("gpt", 4, 2, quick=True))
    assert np.array_equal(language["x"][:, 1:], language["y"][:, :-1])
    assert language["x"].min() >= 0 and language["x"].max() < 30


def test_sizes_can_differ_from_the_networks_own() -> None:
    assert sequence_settings("lstm", 32, 1, steps=1000)["sizes"]["steps"] == 1000


def test_cases_are_chosen_by_parts_of_their_names() -> None:
    found = chosen_cases(WORKLOADS["compile-time"], Options(cases=("lstm of 1,000", "GPT, empty")))
    assert [case.name.split(",")[0] for case in found] == ["lstm of 1", "lstm of 1", "gpt"]
