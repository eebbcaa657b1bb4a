"""The demonstration: learns to read handwritten digits, in the same few lines that a user would write."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

import lamina as keras
from lamina.cli.chart import line_chart
from lamina.cli.pictures import picture, shades_for, side_by_side
from lamina.datasets import digits

INK = 16
_SHOWN = 4


def build_model() -> keras.Sequential:
    """The classifier: pixels scaled to 0..1, one hidden layer, a probability for each digit."""
    model = keras.Sequential(
        [
            keras.Input((8, 8)),
            keras.layers.Rescaling(1 / INK),
            keras.layers.Flatten(),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ],
        name="digits",
    )
    model.compile(keras.optimizers.Adam(3e-3), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def run_demo(epochs: int, batch_size: int, output: Path, seed: int) -> int:
    """Trains, evaluates, shows and plots.

    Args:
        epochs, batch_size: of the training.
        output: folder for the plot; made where it is missing.
        seed: start of all random numbers.

    Returns:
        The exit status, 0.
    """
    output.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(seed)
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    print(f"Handwritten digits, 8x8 pixels: {len(x_train)} to learn from, {len(x_test)} to test on.\n")

    model = build_model()
    model.summary()
    start = time.perf_counter()
    history = model.fit(x_train, y_train, batch_size, epochs, validation_data=(x_test, y_test)).history
    seconds = time.perf_counter() - start

    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    predicted = np.argmax(model.predict(x_test, verbose=0), axis=-1)
    print()
    print(_gallery(x_test, y_test, predicted))
    plot = _write_plot(output, history)
    print(f"\nTrained for {epochs} epochs in {seconds:.2f} s, compiling included.")
    print(f"Learning curves: {plot}")
    print(f"Test accuracy: {accuracy:.1%} (loss {loss:.3f})")
    return 0


def _gallery(images: np.ndarray, labels: np.ndarray, predicted: np.ndarray) -> str:
    """A row of images that were read rightly, and one of those that were not."""
    right = np.flatnonzero(predicted == labels)
    wrong = np.flatnonzero(predicted != labels)
    rows = [_row("Read rightly:", right, images, labels, predicted)] if len(right) else []
    if len(wrong):
        rows.append(_row(f"Read wrongly ({len(wrong)} of {len(labels)}):", wrong, images, labels, predicted))
    return "\n\n".join(rows)


def _row(title: str, chosen: np.ndarray, images: np.ndarray, labels: np.ndarray, predicted: np.ndarray) -> str:
    spread = chosen[np.linspace(0, len(chosen) - 1, min(_SHOWN, len(chosen))).astype(int)]
    shades = shades_for()
    captions = [
        f"a {labels[i]}" if labels[i] == predicted[i] else f"{predicted[i]}? It is a {labels[i]}" for i in spread
    ]
    return f"{title}\n{side_by_side([picture(images[i], shades, INK) for i in spread], captions)}"


def _write_plot(folder: Path, history: Mapping[str, Sequence[float]]) -> Path:
    names = {"accuracy": "training", "val_accuracy": "test"}
    curves = {names[key]: values for key, values in history.items() if key in names}
    path = folder / "learning_curves.svg"
    path.write_text(line_chart("Accuracy on handwritten digits", "epoch", curves), encoding="utf-8")
    return path
