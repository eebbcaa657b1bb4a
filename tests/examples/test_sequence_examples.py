"""The examples that judge, hear and forecast sequences: on made-up data, and on the real where LAMINA_DATA has it."""

from __future__ import annotations

import os
import wave
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.examples.test_examples import run

# What each must say beyond ending well, with data that it makes up.
QUICK_RESULTS = {
    "japanese_vowels.py": "accuracy on 90 sounds it has never heard: 9",
    "sentiment_lstm.py": "accuracy on 120 sentences it has never seen: 9",
    "sentiment_transformer.py": "accuracy on 120 sentences it has never seen: 9",
    "spoken_digits.py": "recordings that it has never heard: 1",
    "weather_forecast.py": "mean error on 365 days that it has never seen",
}

# What it takes to say the same of the real data, and the result that the example's text states.
FULL_RESULTS = {
    "japanese_vowels.py": "accuracy on 370 sounds it has never heard: 9",
    "sentiment_lstm.py": "accuracy on 2121 sentences it has never seen: 7",
    "sentiment_transformer.py": "accuracy on 2121 sentences it has never seen: 7",
    "spoken_digits.py": "of 42",
    "weather_forecast.py": "as today                   2.25   3.14   3.48",
}

FOLDERS = {
    "japanese_vowels.py": "japanese-vowels",
    "sentiment_lstm.py": "sentiment",
    "sentiment_transformer.py": "sentiment",
    "spoken_digits.py": "spoken-digits",
    "weather_forecast.py": "weather",
}


@pytest.mark.parametrize("name", QUICK_RESULTS)
def test_with_made_up_data(name: str) -> None:
    done = run(name, "--quick")
    assert done.returncode == 0, done.stderr
    assert QUICK_RESULTS[name] in done.stdout.replace(": 100", ": 99")
    assert done.stderr == ""


@pytest.mark.parametrize("name", QUICK_RESULTS)
def test_says_what_to_do_without_data(name: str, tmp_path: Path) -> None:
    done = run(name, "--data", str(tmp_path / "nothing"))
    assert done.returncode == 1
    assert "--download" in done.stderr
    assert str(tmp_path / "nothing") in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", FULL_RESULTS)
def test_real_data_gives_the_stated_result(name: str) -> None:
    """The examples themselves assert the figure; the data must be there, from `--download` before."""
    folder = Path(os.environ.get("LAMINA_DATA", "nowhere")) / FOLDERS[name]
    if not folder.is_dir():
        pytest.skip("LAMINA_DATA does not name a folder with the data of this example")
    done = run(name, timeout=3600)
    assert done.returncode == 0, done.stderr
    assert FULL_RESULTS[name] in done.stdout


def write_sentences(folder: Path) -> None:
    """The file of sentences in its format: some are longer than the network reads, some have no known word."""
    random = np.random.default_rng(0)
    lines = []
    for number in range(200):
        good = number % 2
        words = ["fine" if good else "poor", *random.choice(["film", "plot", "cast"], 1 + 50 * (number % 9 == 0))]
        sentence = " ".join(words) if number % 50 else f"unheard{number}"
        lines.append(f"{number + 1}\t{random.uniform(0.1, 4) * (1 if good else -1)}\t{sentence}")
    (folder / "movieReviewSnippets_GroundTruth.txt").write_bytes("\r\n".join(lines).encode())


def write_series(folder: Path) -> None:
    random = np.random.default_rng(0)
    for part in ("TRAIN", "TEST"):
        lines = ["#Made up", "@problemName JapaneseVowels", "@classLabel true 1 2 3 4 5 6 7 8 9", "@data"]
        for number in range(90):
            steps = random.integers(7, 30)
            sound = np.full((12, steps), number % 9) + random.normal(0, 0.3, (12, steps))
            lines.append(":".join([*(",".join(f"{v:.4f}" for v in channel) for channel in sound), str(number % 9 + 1)]))
        (folder / f"JapaneseVowels_{part}.ts").write_text("\n".join(lines), encoding="utf-8")


def write_weather(folder: Path) -> None:
    """Warm and cold days by turns; each is as the day before yesterday was, which no rule of thumb knows."""
    lines = ["date,precipitation,temp_max,temp_min,wind,weather"]
    random = np.random.default_rng(0)
    for number in range(800):
        warm = 15 + 5 * (-1) ** (number // 2) + random.normal(0, 0.5)
        day = date(2012, 1, 1) + timedelta(number)
        lines.append(f"{day:%Y/%m/%d},{random.exponential():.1f},{warm:.1f},{warm - 8:.1f},{random.normal(3):.1f},sun")
    (folder / "seattle-weather.csv").write_text("\n".join(lines), encoding="utf-8")


def write_sounds(folder: Path) -> None:
    """A tone for each digit, in six forms of other lengths, with silence around."""
    forms = ("{}", "1{}", "{}0", "h-{}", "h-1{}", "h-{}0")
    folder = folder / "usr" / "share" / "digits"
    folder.mkdir(parents=True)
    for form, name in enumerate(forms):
        for digit in range(3, 10):
            tone = np.sin(np.arange(3000 + 500 * form) * 0.08 * digit) * 9000
            with wave.open(str(folder / f"{name.format(digit)}.wav"), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(8000)
                file.writeframes(np.pad(tone, 800).astype("<i2").tobytes())


@pytest.mark.parametrize(
    ("name", "write", "arguments"),
    [
        ("japanese_vowels.py", write_series, ["--epochs", "12"]),
        ("sentiment_lstm.py", write_sentences, ["--epochs", "4", "A fine film."]),
        ("sentiment_transformer.py", write_sentences, ["--epochs", "4", "A fine film."]),
        ("spoken_digits.py", write_sounds, ["--epochs", "6", "--copies", "6", "--forms", "1"]),
        ("weather_forecast.py", write_weather, []),
    ],
)
def test_reads_files_of_the_real_format(
    name: str, write: Callable[[Path], None], arguments: list[str], tmp_path: Path
) -> None:
    write(tmp_path)
    done = run(name, "--data", str(tmp_path), *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("name", "file", "contents", "error"),
    [
        ("sentiment_lstm.py", "movieReviewSnippets_GroundTruth.txt", b"no tabs\n", "tabs between"),
        ("japanese_vowels.py", "JapaneseVowels_TRAIN.ts", b"@data\n", "no lines after @data"),
        ("weather_forecast.py", "seattle-weather.csv", b"date,wind\n2012/01/01,1\n", "temp_max"),
        ("spoken_digits.py", "3.wav", b"RIFF", "is not a WAV file that can be read"),
    ],
)
def test_rejects_files_of_another_kind(name: str, file: str, contents: bytes, error: str, tmp_path: Path) -> None:
    (tmp_path / "h-90.wav").touch()
    (tmp_path / file).write_bytes(contents)
    done = run(name, "--data", str(tmp_path))
    assert done.returncode == 1
    assert error in done.stderr
    assert "Traceback" not in done.stderr
