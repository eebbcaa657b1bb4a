"""`python -m benchmarks`: measures the workloads for Lamina and every peer found, and prints a table."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import table
from benchmarks.machine import describe
from benchmarks.peers import ENVIRONMENT_VARIABLE, PEERS, Place, find_peers
from benchmarks.runner import Options, measure
from benchmarks.workloads import WORKLOADS


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0; 1 if Lamina did not run somewhere, or computed something else than its peers."""
    options = _parse(arguments)
    # Ended from outside, the peers' processes are ended too: stopped as they are, they would stay for ever.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    places = find_peers(options.envs)
    if options.peers:
        places = {name: place for name, place in places.items() if name in options.peers}
    machine = describe()
    _print_head(machine, places, options)
    settings = Options(options.repeats, options.quick, options.budget, options.timeout)
    rows = []
    for name in options.only or WORKLOADS:
        print(f"\n{table.title(WORKLOADS[name])}", flush=True)
        for measured in measure(WORKLOADS[name], places, settings):
            print(table.render(measured), flush=True)
            rows.append(table.to_json(measured))
            if options.json:
                _write_json(options.json, machine, places, rows)
    return int(any(_ours_is_wrong(row) for row in rows))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", type=_names(WORKLOADS), help=f"workloads, of {', '.join(WORKLOADS)}; default all")
    parser.add_argument("--peers", type=_names(PEERS), help=f"peers, of {', '.join(PEERS)}; default all found")
    parser.add_argument("--repeats", type=int, default=5, help="rounds, each one sample a peer; default 5")
    parser.add_argument("--budget", type=float, default=60, help="seconds of sampling a peer gets for one case")
    parser.add_argument("--timeout", type=float, default=600, help="seconds after which a silent peer is given up")
    parser.add_argument("--quick", action="store_true", help="tiny cases that only show that everything runs")
    parser.add_argument("--json", type=Path, help="also write everything, with all samples, to this file")
    parser.add_argument(
        "--envs",
        action="append",
        default=[],
        metavar="PLACE",
        help="a folder of virtual environments, a Python executable, or peer=executable; may be repeated. "
        f"Those in the variable {ENVIRONMENT_VARIABLE}, separated by os.pathsep, are added",
    )
    return parser.parse_args(arguments)


def _names(known: Mapping[str, object]):
    def names(text: str) -> list[str]:
        unknown = [name for name in text.split(",") if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; known: {', '.join(known)}")
        return text.split(",")

    return names


def _print_head(machine: dict[str, Any], places: Mapping[str, Place], options: argparse.Namespace) -> None:
    busy = " (busy: do not trust these figures)" if float(machine["load"] or 0) > 0.5 else ""
    print(f"{machine['cpu']}, {machine['cores']} cores, load {machine['load']}{busy}; Python {machine['python']}")
    print(f"{options.repeats} rounds; every peer in its own process, stopped while others are measured")
    for name, place in places.items():
        print(f"  {name}: {', '.join(f'{package} {version}' for package, version in place.versions.items())}")
    missing = [name for name in options.peers or PEERS if name not in places]
    if missing:
        print(f"  not found: {', '.join(missing)}")


def _write_json(path: Path, machine: dict[str, Any], places: Mapping[str, Place], rows: list[dict]) -> None:
    versions = {name: place.versions for name, place in places.items()}
    path.write_text(json.dumps({"machine": machine, "peers": versions, "rows": rows}, indent=1) + "\n")


def _ours_is_wrong(row: dict) -> bool:
    return any(r["peer"] == "lamina" and (r["failed"] or r["agrees"] is False) for r in row["results"])


if __name__ == "__main__":
    raise SystemExit(main())
