"""All workloads by name, in the order of the table. Peers import this too: only NumPy may be needed here."""

from __future__ import annotations

from benchmarks.workload import Workload
from benchmarks.workloads import (
    bandwidth,
    compile_length,
    compile_time,
    convolution,
    custom_cell,
    first_call,
    generation,
    imports,
    inference,
    latency,
    line,
    matmul,
    memory_growth,
    mlp,
    network_training,
    overhead,
    peak_memory,
    sequence_training,
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
        *network_training.NETWORK_WORKLOADS,
        *sequence_training.SEQUENCE_WORKLOADS,
        generation.WORKLOAD,
        custom_cell.WORKLOAD,
        convolution.WORKLOAD,
        inference.WORKLOAD,
        compile_time.WORKLOAD,
        compile_length.WORKLOAD,
        peak_memory.WORKLOAD,
    )
}
