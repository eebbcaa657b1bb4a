"""All workloads by name, in the order of the table. Peers import this too: only NumPy may be needed here."""

from __future__ import annotations

from benchmarks.workload import Workload
from benchmarks.workloads import (
    bandwidth,
    first_call,
    imports,
    latency,
    line,
    matmul,
    memory_growth,
    mlp,
    overhead,
    whole_process,
)

WORKLOADS: dict[str, Workload] = {
    workload.name: workload
    for workload in (
        line.WORKLOAD,
        whole_process.WORKLOAD,
        mlp.WORKLOAD,
        overhead.WORKLOAD,
        latency.PREDICT,
        latency.CALL,
        first_call.WORKLOAD,
        imports.WORKLOAD,
        matmul.WORKLOAD,
        bandwidth.WORKLOAD,
        memory_growth.WORKLOAD,
    )
}
