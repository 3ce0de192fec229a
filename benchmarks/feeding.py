"""Is a device fed? Views a second that training can be given, and the rate of a stand-in device that takes them.

    python benchmarks/feeding.py [--rate 1500] [--seconds 10]

The batches come from `training_feed`, as those of crbl-train do, at 128 px. The stand-in device takes a fixed time for
each batch, in which it uses no core, as a GPU does; copying to the device and what PyTorch does between two kernels are
left out. The limit is what comes where the device takes no time. Workers have begun before the time is taken.

Both are wall time: run it on a machine that does nothing else. CPU times say what such a machine can do, of all its
cores together: they are little changed by other programs. Linux only, because they are read from /proc.
"""

import multiprocessing
import os
import time
from dataclasses import dataclass
from pathlib import Path

import click
import torch
from torch import Tensor, nn

from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.data.augmentation import augment, get_augmentation
from crbl_training.seeds import derive_seed
from crbl_training.train.activations import ComputedActivations
from crbl_training.train.batch import DrawnBatches
from crbl_training.train.feed import training_feed
from crbl_training.train.recipe import Recipe

IMAGES, SIZE, BATCH = 256, 128, 32
WORKERS = (0, 1, 2)
WARM_UP = 40


class Sleeping(nn.Module):
    """Takes a fixed time for whatever it is given, and gives it back."""

    def __init__(self, period: float) -> None:
        super().__init__()
        self.period = period

    def forward(self, x: Tensor) -> Tensor:
        time.sleep(self.period)
        return x


@dataclass(frozen=True)
class StandIn:
    """A model whose frozen layers take `period` seconds for each batch."""

    period: float

    def frozen_layers(self) -> tuple[nn.Module, nn.Module]:
        """One that takes the time, and one that takes none."""
        return Sleeping(self.period), nn.Identity()


def random_images() -> Tensor:
    """Noise: uint8 [IMAGES, SIZE, SIZE, 3]."""
    return torch.randint(256, (IMAGES, SIZE, SIZE, 3), dtype=torch.uint8)


def cpu_milliseconds(name: str) -> float:
    """CPU time of one view here."""
    augmentation, images = get_augmentation(name), random_images()
    assert augmentation is not None
    seeds = [derive_seed(0, number) for number in range(IMAGES)]
    augment(images, augmentation, seeds)
    started = time.process_time()
    augment(images, augmentation, seeds)
    return 1000 * (time.process_time() - started) / IMAGES


@dataclass(frozen=True)
class Fed:
    """Views a second, and milliseconds of CPU a view in this process and in the workers."""

    rate: float
    here: float
    in_workers: float

    def possible(self, workers: int) -> float:
        """Views a second where the cores have nothing else to do."""
        of_cores = (self.here + self.in_workers) / min(len(os.sched_getaffinity(0)), 1 + workers)
        return 1000 / max(of_cores, self.here, self.in_workers / max(workers, 1))


def feed(name: str, workers: int, period: float, seconds: float) -> Fed:
    """Feed a device that takes `period` seconds for each batch."""
    device = StandIn(period)
    # On meta a tensor has no values: the copy to the device and the network's input cost nothing.
    spec, meta = PreprocessingSpec("whole", SIZE), torch.device("meta")
    source = ComputedActivations(device, random_images(), spec, get_augmentation(name), 0, meta)  # type: ignore[arg-type]
    labels = torch.arange(IMAGES).remainder(2).float()
    drawn = DrawnBatches(labels, Recipe(epochs=10**6, batch_size=BATCH, augment=name), 0, 1, 0)
    with training_feed(source, drawn, workers, meta, lambda message: None) as fed:
        for _ in range(WARM_UP):
            fed.source(*next(fed.batches).inputs)
        taken, here, there, started = 0, time.process_time(), workers_cpu(), time.perf_counter()
        while time.perf_counter() - started < seconds:
            fed.source(*next(fed.batches).inputs)
            taken += BATCH
        rate = taken / (time.perf_counter() - started)
        return Fed(rate, 1000 * (time.process_time() - here) / taken, 1000 * (workers_cpu() - there) / taken)


def workers_cpu() -> float:
    """CPU seconds of all workers so far."""
    stats = [Path(f"/proc/{child.pid}/stat").read_text() for child in multiprocessing.active_children()]
    ticks = [sum(map(int, stat.rpartition(")")[2].split()[11:13])) for stat in stats]
    return sum(ticks) / os.sysconf("SC_CLK_TCK")


@click.command(epilog="Example: python benchmarks/feeding.py --rate 2000")
@click.option("--rate", type=float, default=1500.0, show_default=True, help="Pictures a second of the device.")
@click.option("--seconds", type=float, default=10.0, show_default=True, help="How long each of them is measured.")
def main(rate: float, seconds: float) -> None:
    """Feed a stand-in device with views of both augmentations, from 0, 1 and 2 workers."""
    torch.set_num_threads(1)
    period = BATCH / rate
    for name in ("original", "strong"):
        click.echo(f"{name}: {cpu_milliseconds(name):.2f} ms of CPU a view")
        for workers in WORKERS:
            alone = views_per_second_of_device(period)
            fed, limit = feed(name, workers, period, seconds), feed(name, workers, 0.0, seconds)
            click.echo(
                f"  {workers} workers: the device took {fed.rate:5,.0f} of {alone:5,.0f} a second, "
                f"{fed.rate / alone:4.0%}; limit {limit.rate:6,.0f}, by CPU time {limit.possible(workers):6,.0f} "
                f"({limit.here:.3f} ms here, {limit.in_workers:.3f} ms in workers)"
            )


def views_per_second_of_device(period: float, batches: int = 50) -> float:
    """What the device takes where nothing is to be waited for: sleeping is never exact."""
    device, nothing, started = Sleeping(period), torch.empty(0), time.perf_counter()
    for _ in range(batches):
        device(nothing)
    return BATCH * batches / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
