"""What is in the picture? A network looks at an emoji and says its name, word by word.

Run it with `python examples/captions.py --data FOLDER`, where FOLDER holds the font NotoColorEmoji.ttf, or with
`--download` on Debian and Ubuntu, which fetches the package `fonts-noto-color-emoji` into FOLDER. The pictures are in
the font and their names are in Unicode: 1,405 pairs, from "grinning cat face with smiling eyes" to "clock face twelve
oclock". To take the pictures out of the font, the packages fonttools and pillow are needed, once: they are kept in
the file emoji.npz in FOLDER.

A convolutional network makes a vector of the picture. An LSTM begins with it as its state and turns it into words.

Of a tenth of the pictures it sees none while it learns. Most of their words are in no other name, so it cannot know
them; it finds what pictures share: a colour, a shape, a clock. For comparison it is also asked with a wrong picture.
After 40 epochs (some two minutes on two cores) "large orange circle" became "large yellow circle" and "clock face four
oclock" became "clock face six-thirty". The loss on those pictures was 3.92 a word, 4.39 with a wrong picture; 9.8 % of
the words were right, 3.4 % with a wrong one.
"""

import argparse
import io
import os
import subprocess
import unicodedata
from collections import Counter
from pathlib import Path
from time import perf_counter

import numpy as np

import lamina as keras
from lamina import generation, layers, ops

PADDING, START, UNKNOWN, END = range(4)
MOST_WORDS = 8
SIDE = 64

NO_DATA = """\
The font is not in {folder}. Three ways to get it:
  * On Debian or Ubuntu, run this again with --download. It needs no root and installs nothing:
    it fetches the package fonts-noto-color-emoji (10 MB) with apt-get and unpacks it into that folder.
  * If the package is installed already, pass --data /usr/share/fonts/truetype/noto
  * Elsewhere, put a NotoColorEmoji.ttf that holds bitmaps into a folder and pass --data FOLDER."""


def download(folder):
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["apt-get", "download", "fonts-noto-color-emoji"], cwd=folder, check=True)
    (package,) = folder.glob("fonts-noto-color-emoji_*.deb")
    subprocess.run(["dpkg-deb", "-x", package.name, "."], cwd=folder, check=True)


def load(folder):
    """Pictures `(n, 64, 64, 3)` of bytes, and their names."""
    kept = folder / "emoji.npz"
    if not kept.is_file():
        fonts = sorted(folder.rglob("NotoColorEmoji.ttf")) if folder.is_dir() else []
        if not fonts:
            raise SystemExit(NO_DATA.format(folder=folder))
        pictures, names = from_font(fonts[0])
        np.savez_compressed(kept, pictures=pictures, names=names)
    with np.load(kept) as file:
        return file["pictures"], file["names"].tolist()


def from_font(path):
    """All pictures of single characters that have a name. Each is a PNG file in the font's table of bitmaps."""
    try:
        from fontTools.ttLib import TTFont
        from PIL import Image
    except ImportError as error:
        raise SystemExit(
            f"To read pictures from a font, install two packages: pip install fonttools pillow ({error})."
        ) from None
    font = TTFont(path, lazy=True)
    if "CBDT" not in font:
        raise SystemExit(f"{path} holds no bitmaps (table CBDT). Take the font of fonts-noto-color-emoji.")
    bitmaps = font["CBDT"].strikeData[0]
    pictures, names = [], []
    for code, glyph in sorted(font.getBestCmap().items()):
        name = unicodedata.name(chr(code), "").lower()
        if name and glyph in bitmaps:
            pictures.append(small(Image.open(io.BytesIO(bitmaps[glyph].imageData)).convert("RGBA")))
            names.append(name)
    return np.stack(pictures), names


def small(picture):
    """On white, the middle 128x128 pixels of 136x128, and of each 2x2 pixels the average."""
    pixels = np.asarray(picture, "float32")
    colours, opacity = pixels[..., :3], pixels[..., 3:] / 255
    left = (pixels.shape[1] - 2 * SIDE) // 2
    white = (colours * opacity + 255 * (1 - opacity))[: 2 * SIDE, left : left + 2 * SIDE]
    return np.round(white.reshape(SIDE, 2, SIDE, 2, 3).mean(axis=(1, 3))).astype("uint8")


def vocabulary_of(names):
    """All words in the names, after padding, start, a word that is not known, and end."""
    return ["", "", "?", "", *sorted({word for name in names for word in name.split()})]


def numbers(names, vocabulary):
    """The words so far and the word that comes next, `(names, 9)` each, padded with 0.

    What is not in the vocabulary is not asked for: it is padding among the words that come next.
    """
    known = {word: number for number, word in enumerate(vocabulary) if number > END}
    so_far = np.full((len(names), MOST_WORDS + 1), PADDING, "int32")
    following = so_far.copy()
    for row, name in enumerate(names):
        words = name.split()[:MOST_WORDS]
        so_far[row, : len(words) + 1] = [START, *(known.get(word, UNKNOWN) for word in words)]
        following[row, : len(words) + 1] = [*(known.get(word, PADDING) for word in words), END]
    return so_far, following


class Captioner(keras.Model):
    def __init__(self, words, units):
        super().__init__()
        self.look = keras.Sequential(
            [layers.Rescaling(-1 / 255, offset=1.0)]  # the white background becomes 0, as is the padding
            + [part for filters in (16, 32, 64, 128) for part in self.stage(filters)]
            + [layers.Flatten(), layers.Dropout(0.3), layers.Dense(units, activation="tanh")]
        )
        self.words = layers.Embedding(words, units)
        self.speak = layers.LSTM(units, return_sequences=True, return_state=True)
        self.scores = keras.Sequential([layers.Dropout(0.3), layers.Dense(words)])

    @staticmethod
    def stage(filters):
        convolution = layers.Conv2D(filters, 3, padding="same", use_bias=False)
        return [convolution, layers.BatchNormalization(momentum=0.9), layers.ReLU(), layers.MaxPooling2D()]

    def call(self, inputs, training=None):
        pictures, so_far = inputs
        seen = self.look(pictures, training=training)
        spoken, *_ = self.speak(self.words(so_far), initial_state=[seen, ops.zeros_like(seen)])
        return self.scores(spoken, training=training)

    def next_word(self, word, state, place):
        spoken, *state = self.speak(self.words(word[:, None]), initial_state=state)
        return self.scores(spoken[:, 0], training=False), state

    @keras.function
    def describe(self, pictures):
        """The likeliest word after each word: looking, and the loop over words, are one native program."""
        seen = self.look(pictures, training=False)
        start = ops.full_like(seen[:, :1], START, dtype="int32")
        state = [seen, ops.zeros_like(seen)]
        return generation.generate(self.next_word, start, 2 + MOST_WORDS, state, "greedy", end_token_id=END)[:, 1:]


def loss_of(model, pictures, so_far, following):
    return model.evaluate([pictures, so_far], following, batch_size=64, verbose=0)


def words_in_common(said, name):
    """Of two names, twice the words that both have, as a share of all words in them."""
    a, b = Counter(said.split()), Counter(name.split())
    return 2 * (a & b).total() / max(1, a.total() + b.total())


def main():
    default = os.environ.get("LAMINA_DATA") or Path.home() / ".cache" / "lamina" / "emoji"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(default), help="folder of the font; default %(default)s")
    parser.add_argument("--download", action="store_true", help="fetch the font into that folder first")
    parser.add_argument("--epochs", type=int, default=40, help="default %(default)s")
    parser.add_argument("--units", type=int, default=256, help="the size of the picture's vector; default %(default)s")
    options = parser.parse_args()
    if options.download:
        download(options.data)

    keras.utils.set_random_seed(1)
    pictures, names = load(options.data)
    order = np.random.default_rng(0).permutation(len(names))
    held_out = len(names) // 10
    pictures, names = pictures[order], [names[place] for place in order]
    vocabulary = vocabulary_of(names[held_out:])
    so_far, following = numbers(names, vocabulary)
    test, train = slice(held_out), slice(held_out, None)
    print(f"{len(names) - held_out} pictures to learn from, {held_out} to test; {len(vocabulary)} words")

    model = Captioner(len(vocabulary), options.units)
    # The loss of a step is the mean over the words that are there, without the padding.
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=PADDING)
    model.compile(keras.optimizers.Adam(1e-3), loss=loss)
    start = perf_counter()
    model.fit([pictures[train], so_far[train]], following[train], batch_size=32, epochs=options.epochs, verbose=2)
    seconds = perf_counter() - start
    steps = options.epochs * -(-(len(names) - held_out) // 32)
    print(f"{steps} steps took {seconds:.0f} s, {seconds / steps * 1e3:.0f} ms each")

    said = [" ".join(vocabulary[n] for n in row if n > END) for row in model.describe(pictures).numpy()]
    for name, guess in list(zip(names, said))[: min(20, held_out)]:
        print(f"{name}: the network says {guess!r}")
    for part, title in ((train, "that it learnt"), (test, "that it has never seen")):
        right = loss_of(model, pictures[part], so_far[part], following[part])
        # With the pictures in another order, only what it knows of names themselves is left.
        wrong = loss_of(model, np.roll(pictures[part], 1, axis=0), so_far[part], following[part])
        common = np.mean([words_in_common(*pair) for pair in zip(said[part], names[part])])
        chance = np.mean([words_in_common(*pair) for pair in zip(np.roll(said[part], 1), names[part])])
        print(
            f"on {len(names[part])} pictures {title}: loss {right:.2f} a word ({wrong:.2f} with another picture), "
            f"words in common {common:.1%} ({chance:.1%} with another picture)"
        )


if __name__ == "__main__":
    main()
