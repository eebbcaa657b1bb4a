"""Reads the command line and runs a command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from lamina.base.errors import LaminaError
from lamina.version import __version__


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lamina", description="Lamina: deep learning in Python, compiled as one native program."
    )
    parser.add_argument("--version", action="version", version=f"lamina {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_demo(commands)
    _add_doctor(commands)
    return parser


def _add_demo(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    demo = commands.add_parser(
        "demo",
        help="train a classifier of handwritten digits, look at it, plot how it learnt",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    demo.add_argument("--epochs", type=_positive, default=20, help="passes over the training images")
    demo.add_argument("--batch-size", type=_positive, default=32, help="images in a training step")
    demo.add_argument("--output", type=Path, default=Path("lamina-demo"), metavar="DIR", help="folder of the plot")
    demo.add_argument("--seed", type=_seed, default=1, help="start of all random numbers")


def _add_doctor(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    doctor = commands.add_parser("doctor", help="tell versions, CPU, threads and cache, and try the compiler")
    doctor.add_argument("--peaks", action="store_true", help="also measure the machine's arithmetic and memory speed")
    doctor.add_argument("--clear-cache", action="store_true", help="first delete all compiled programs on disk")


def _positive(text: str) -> int:
    return _whole(text, at_least=1)


def _seed(text: str) -> int:
    return _whole(text, at_least=0)


def _whole(text: str, at_least: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = at_least - 1
    if value < at_least:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least {at_least}, received {text!r}")
    return value


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: the words after the program's name; those of this process when None.

    Returns:
        The exit status: 0 when all went well, 1 after an error, 130 after Ctrl-C. (Wrong arguments leave with 2.)
    """
    options = build_parser().parse_args(arguments)
    try:
        return _run(options)
    except (LaminaError, OSError) as error:
        print(f"lamina {options.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130


def _run(options: argparse.Namespace) -> int:
    if options.command == "demo":
        from lamina.cli.demo import run_demo

        return run_demo(options.epochs, options.batch_size, options.output, options.seed)
    from lamina.cli.doctor import run_doctor

    return run_doctor(peaks=options.peaks, clear_cache=options.clear_cache)
