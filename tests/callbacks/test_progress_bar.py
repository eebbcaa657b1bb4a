"""What the progress bar writes."""

from __future__ import annotations

import io
import re

from lamina.callbacks import CallbackList
from lamina.callbacks.progress_bar import ProgressBar


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_sees_one_line_that_is_redrawn():
    terminal = Terminal()
    bar = ProgressBar(4, stream=terminal)
    bar.update(2, {"loss": 0.5})
    bar.update(4, {"loss": 0.25, "rate": 1e-5}, finalize=True)
    first, last = terminal.getvalue().split("\r")
    assert re.fullmatch(r"2/4 ━{10}─{10} 0s \d+[mu]?s/step - loss: 0\.5000", first)
    assert re.fullmatch(r"4/4 ━{20} 0s \d+[mu]?s/step - loss: 0\.2500 - rate: 1\.0000e-05 *\n", last)


def test_a_file_sees_the_finished_line_only():
    file = io.StringIO()
    bar = ProgressBar(4, stream=file)
    bar.update(2, {"loss": 0.5})
    assert not bar.due()
    bar.update(4, {"loss": 0.25}, finalize=True)
    assert file.getvalue().count("\n") == 1 and file.getvalue().startswith("4/4 ")


def test_verbose_2_writes_a_line_without_a_bar():
    file = io.StringIO()
    ProgressBar(10, verbose=2, stream=file).update(10, {"loss": 0.5}, finalize=True)
    assert re.fullmatch(r"10/10 - 0s - \d+[mu]?s/step - loss: 0\.5000\n", file.getvalue())


def test_not_more_than_20_drawings_a_second():
    bar = ProgressBar(100, stream=Terminal())
    assert bar.due()
    bar.update(1, {})
    assert not bar.due()


def test_an_unknown_number_of_steps():
    terminal = Terminal()
    ProgressBar(None, stream=terminal).update(7, {})
    assert "7/Unknown" in terminal.getvalue()


def test_a_stream_that_cannot_show_the_bar():
    class Ascii(Terminal):
        def write(self, text):
            text.encode("ascii") if text.isascii() else "".join(text).encode("ascii")
            return super().write(text)

    stream = Ascii()
    ProgressBar(2, stream=stream).update(1, {})
    assert "=" in stream.getvalue()


def run_epochs(verbose, epochs, capsys):
    callbacks = CallbackList(add_progbar=True)
    callbacks.set_params({"verbose": verbose, "epochs": epochs, "steps": 3})
    callbacks.on_train_begin()
    for epoch in range(epochs):
        callbacks.on_epoch_begin(epoch)
        callbacks.on_progress(2, dict)
        callbacks.on_test_begin()
        callbacks.on_test_end({"loss": 9})
        callbacks.on_epoch_end(epoch, {"loss": 1, "val_loss": 9})
    callbacks.on_train_end()
    return capsys.readouterr().out.splitlines()


def test_the_logger_titles_epochs_and_shows_validation_in_their_line(capsys):
    lines = run_epochs(1, 2, capsys)
    assert lines[::2] == ["Epoch 1/2", "Epoch 2/2"]
    assert lines[1].startswith("3/3 ━") and lines[1].endswith("- loss: 1.0000 - val_loss: 9.0000")
    assert len(lines) == 4


def test_the_logger_is_silent_with_verbose_0(capsys):
    assert run_epochs(0, 2, capsys) == []
