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
from benchmarks.peers import ENVIRONMENT_VARIABLE, PEERS, Place, find_peers, why_missing
from benchmarks.runner import Options, chosen_cases, measure
from benchmarks.workloads import WORKLOADS

_EXAMPLES = """examples:
  python -m benchmarks --only lstm --envs ENVS               one workload, all peers in the environments of ENVS
  python -m benchmarks --only lstm,gru-lm --peers lamina,peak,torch --envs ENVS
  python -m benchmarks --only compile-time --case "transformer, empty" --repeats 1 --envs ENVS
  python -m benchmarks --quick --only gpt                    tiny: does it run?"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0; 1 if Lamina was not found, did not run somewhere, or computed something else than its peers."""
    options = _parse(arguments)
    # Ended from outside, the peers' processes are ended too: stopped as they are, they would stay for ever.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    places = find_peers(options.envs)
    if options.peers:
        places = {name: place for name, place in places.items() if name in options.peers}
    machine = describe()
    _print_head(machine, places, options)
    settings = Options(options.repeats, options.quick, options.budget, options.timeout, tuple(options.cases or ()))
    rows = []
    for name in options.only or WORKLOADS:
        if options.cases and not chosen_cases(WORKLOADS[name], settings):
            continue
        print(f"\n{table.title(WORKLOADS[name])}", flush=True)
        for measured in measure(WORKLOADS[name], places, settings):
            print(table.render(measured), flush=True)
            print(table.peers_line(measured, options.peers), flush=True)
            rows.append(table.to_json(measured))
            if options.json:
                _write_json(options.json, machine, places, rows)
    if not rows:
        print("no case was measured: --only and --case leave none", file=sys.stderr)
    missing = "lamina" in (options.peers or PEERS) and "lamina" not in places
    return int(not rows or missing or any(_ours_is_wrong(row) for row in rows))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measures the workloads for Lamina and every peer found, and prints a table. All of them take\n"
        "hours: choose some with --only, --case and --peers. One workload of training takes about three minutes.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", type=_names(WORKLOADS), help=f"workloads, of {', '.join(WORKLOADS)}; default all")
    parser.add_argument(
        "--case",
        dest="cases",
        action="append",
        metavar="PART",
        help="only cases with this in their names, as in `--only compile-time --case gpt`; repeatable; default all",
    )
    parser.add_argument("--peers", type=_names(PEERS), help=f"peers, of {', '.join(PEERS)}; default all found")
    parser.add_argument("--repeats", type=int, default=5, help="rounds, each one sample a peer; default 5")
    parser.add_argument(
        "--budget", type=float, default=15, help="seconds a peer gets for the samples of one case; default 15"
    )
    parser.add_argument(
        "--timeout", type=float, default=600, help="seconds after which a silent peer is given up; default 600"
    )
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
    for name in options.peers or PEERS:
        if name not in places:
            print(f"  NOT FOUND: {name} ({why_missing(name, options.envs)})")


def _write_json(path: Path, machine: dict[str, Any], places: Mapping[str, Place], rows: list[dict]) -> None:
    versions = {name: place.versions for name, place in places.items()}
    path.write_text(json.dumps({"machine": machine, "peers": versions, "rows": rows}, indent=1) + "\n")


def _ours_is_wrong(row: dict) -> bool:
    return any(r["peer"] == "lamina" and (r["failed"] or r["agrees"] is False) for r in row["results"])


if __name__ == "__main__":
    raise SystemExit(main())
