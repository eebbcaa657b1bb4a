"""A training step of convolutional networks: `fit` over some batches, divided by their number.

The row `peak` is the time that the multiply-adds of direct convolutions, forwards and for both gradients, take at the
machine's peak; shares of it above 100 % are possible for a method with fewer multiplications.
"""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.networks import NETWORKS
from benchmarks.networks.plan import Plan
from benchmarks.timing import seconds_of
from benchmarks.workload import Case, Goal, Inputs, Prepare, Settings, Task, Workload
from benchmarks.workloads.network_trainers import TRAINERS, Job, Trainer, inputs, job
from benchmarks.workloads.peak import time_at_fma_peak


def training_settings(network: str, batch: int, steps: int, shape: tuple[int, ...] = ()) -> Settings:
    """Args: shape: of an example; by default the network's own."""
    return {"network": network, "batch": batch, "steps": steps, "shape": shape or NETWORKS[network].shape}


def prepared(build: Callable[[Job], Trainer]) -> Prepare:
    def prepare(settings: Settings, data: Inputs) -> Task:
        train = build(job(settings, data))
        train()
        # Of the second time over the examples: every loss stands upon weights that were trained.
        loss = train()
        return Task(lambda: 1e3 * seconds_of(train) / settings["steps"], loss)

    return prepare


def peak(settings: Settings, data: Inputs) -> Task:
    plan = Plan(NETWORKS[settings["network"]], tuple(settings["shape"]))
    return time_at_fma_peak(plan.training * settings["batch"])


def _workload(
    network: str,
    title: str,
    settings: Settings,
    quick: Settings,
    goal: Goal,
    threads: tuple[str, ...] = ("all",),
) -> Workload:
    def cases(is_quick: bool) -> list[Case]:
        chosen = quick if is_quick else settings
        size = "x".join(str(extent) for extent in chosen["shape"])
        return [Case(f"{size}, batch {chosen['batch']}", chosen, goal)]

    return Workload(
        name=network,
        title=f"{title}: a training step",
        unit="ms",
        cases=cases,
        inputs=inputs,
        peers={"peak": peak, **{name: prepared(build) for name, build in TRAINERS.items()}},
        threads=threads,
        tolerance=1e-3,
    )


NETWORK_WORKLOADS = (
    _workload(
        "cnn",
        "CNN 32C3-P2-64C3-P2-D128-10, Adam",
        training_settings("cnn", 64, 20),
        training_settings("cnn", 8, 2),
        Goal(times={"fastest": 2.5}),
        threads=("one", "all"),
    ),
    _workload(
        "resnet18",
        "ResNet-18, SGD with momentum",
        training_settings("resnet18", 32, 3),
        training_settings("resnet18", 4, 2, (16, 16, 3)),
        Goal(share=0.85, times={"fastest": 1.3}),
        threads=("one", "all"),
    ),
    _workload(
        "resnet50",
        "ResNet-50, SGD with momentum",
        training_settings("resnet50", 8, 2),
        training_settings("resnet50", 4, 2, (64, 64, 3)),
        Goal(share=0.75, times={"fastest": 1.25}),
    ),
    _workload(
        "mobilenetv2",
        "MobileNetV2, SGD with momentum",
        training_settings("mobilenetv2", 32, 4),
        training_settings("mobilenetv2", 8, 2, (64, 64, 3)),
        Goal(times={"fastest": 1.7}),
    ),
    _workload(
        "unet",
        "U-Net with 32 channels at the top, SGD with momentum",
        training_settings("unet", 4, 3),
        training_settings("unet", 2, 2, (32, 32, 3)),
        Goal(share=0.8, times={"fastest": 1.3}),
    ),
)
