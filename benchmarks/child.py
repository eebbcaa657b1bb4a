"""Runs inside a peer's own interpreter: prepares one task and takes samples when the runner asks for them.

Requests come as JSON lines on standard input; replies go to the standard output that the process was born with.
Whatever libraries print goes to standard error instead, so that it cannot be taken for a reply.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any


def main() -> None:
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    task: Any = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["do"] == "prepare":
                task = _prepare(request)
                reply: dict[str, Any] = {"loss": task.loss}
            else:
                reply = {"sample": float(task.measure())}
        except Exception as error:
            text = " ".join(str(error).split())
            reply = {"failed": f"{type(error).__name__}: {text}"[:300]}
        replies.write(json.dumps(reply) + "\n")


def _prepare(request: dict[str, Any]) -> Any:
    import numpy as np

    from benchmarks.workloads import WORKLOADS

    inputs: dict[str, Any] = {}
    if request["inputs"]:
        with np.load(request["inputs"]) as file:
            inputs = dict(file)
    return WORKLOADS[request["workload"]].peers[request["peer"]](request["settings"], inputs)


if __name__ == "__main__":
    if "--one-core" in sys.argv and hasattr(os, "sched_setaffinity"):
        # Before NumPy and the frameworks start their threads: all of them honour the cores a process may use.
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    main()
