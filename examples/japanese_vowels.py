"""Which of nine men said "ae"? A GRU over sounds of different lengths (JapaneseVowels).

Run it with `python examples/japanese_vowels.py --data FOLDER`, with `--download` to fetch the data first, or with
`--quick` for a try on made-up sounds that needs no data.

A sound is 7 to 29 steps in time of 12 numbers each, which describe its spectrum; 30 sounds of each man are for learning
and 370 for testing. Short sounds are filled up with zeros, and `Masking` makes the recurrent layer skip those: what a
sound's result is does not depend on what it is padded to.

Sixty epochs take seconds, and 97.8 % of the sounds for testing are known as the right man's.
"""

from time import perf_counter

import numpy as np
import sequence_data

import lamina as keras
from lamina import layers

LENGTH = 29
FILES = "JapaneseVowels_TRAIN.ts", "JapaneseVowels_TEST.ts"


def download(folder):
    """The files are in the Python package aeon (BSD licence)."""
    wheel = sequence_data.from_pypi(folder, "aeon==1.6.0")
    for file in FILES:
        sequence_data.unzip(wheel, f"/{file}")


def read(path):
    """Sounds as arrays `(steps, channels)` and the speakers' numbers, from 0 up.

    A line of a .ts file is one sound: its channels with `:` between, the last of which is the class; a channel's values
    at all times have commas between. Lines before `@data` describe the file.
    """
    sounds, speakers = [], []
    _, _, data = path.read_text(encoding="utf-8").partition("@data")
    for line in data.split():
        *channels, speaker = line.split(":")
        sounds.append(np.array([channel.split(",") for channel in channels], "float32").T)
        speakers.append(int(speaker) - 1)
    if not sounds:
        raise SystemExit(f"{path} has no lines after @data.")
    return sounds, np.array(speakers)


def made_up(count, seed):
    """Sounds of nine made-up men, each of whom sways in his own rhythm."""
    random = np.random.default_rng(seed)
    speakers = random.integers(0, 9, count)
    sounds = []
    for speaker in speakers:
        time = np.arange(random.integers(7, LENGTH + 1))[:, None] + random.uniform(0, 3)
        waves = np.sin(time * (speaker + 1) / 6 + np.arange(12) * speaker)
        sounds.append(waves + random.normal(0, 0.2, waves.shape))
    return sounds, speakers


def load(options):
    if options.quick:
        return made_up(540, seed=1), made_up(90, seed=2)
    if options.download:
        download(options.data)
    return [read(sequence_data.find_file(options.data, file, "the package aeon")) for file in FILES]


def main():
    parser = sequence_data.arguments(__doc__, "japanese-vowels", "the two .ts files of JapaneseVowels")
    parser.add_argument("--epochs", type=int)
    options = parser.parse_args()
    epochs = options.epochs or (10 if options.quick else 60)

    keras.utils.set_random_seed(4)
    (sounds, y_train), (test_sounds, y_test) = load(options)
    every_step = np.concatenate(sounds)
    mean, spread = every_step.mean(axis=0), every_step.std(axis=0)
    x_train, x_test = (
        keras.utils.pad_sequences([(sound - mean) / spread for sound in some], LENGTH, "float32", padding="post")
        for some in (sounds, test_sounds)
    )

    model = keras.Sequential(
        [
            keras.Input((LENGTH, 12)),
            layers.Masking(0.0),
            layers.GaussianNoise(0.3),
            layers.Bidirectional(layers.GRU(32, return_sequences=True)),
            layers.GlobalAveragePooling1D(),
            layers.Dropout(0.3),
            layers.Dense(9, activation="softmax"),
        ]
    )
    model.summary()
    model.compile(keras.optimizers.Adam(3e-3), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    start = perf_counter()
    model.fit(x_train, y_train, batch_size=32, epochs=epochs, verbose=2)
    print(f"{epochs} epochs on {len(x_train)} sounds took {perf_counter() - start:.0f} s")

    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    guesses = model.predict(x_test, verbose=0).argmax(axis=1)
    for speaker in range(9):
        own = y_test == speaker
        print(f"speaker {speaker + 1}: {(guesses[own] == speaker).sum()} of {own.sum()} sounds are known as his")
    print(f"accuracy on {len(x_test)} sounds it has never heard: {accuracy:.1%}")

    if options.epochs is None:
        assert accuracy >= 0.96


if __name__ == "__main__":
    main()
