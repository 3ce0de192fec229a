"""CPU time and peak memory of a training epoch: the plain loop, crbl-train's own, and with frozen activations cached.

    python benchmarks/training_epoch.py [--images 96] [--rounds 3]

Plain is the same loop with the head as stock operators, the frozen part as the model has it, all in torch's usual
memory layout, and nothing cached; it and the uncached kind draw new views in every epoch, as crbl-train does unless
told otherwise, the cached one reads one view of each image. Every measurement
is a process of its own with one thread; the kinds take turns. What counts is the second epoch: the first one fills the
cache.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import click
import torch
from torch import Tensor, nn

from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.data.prepared_dataset import PreparedDataset
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.train import loop
from crbl_training.train.activation_cache import CacheSettings
from crbl_training.train.activations import ComputedActivations
from crbl_training.train.loop import RunOutputs, TrainingData, train_model
from crbl_training.train.recipe import Recipe

KINDS = ("plain", "uncached", "cached")
TRAINABLE = {"crop": "after-150", "full": "head"}
TARGETS = {("crop", "uncached"): 3.8, ("full", "uncached"): 2.8, ("crop", "cached"): 6.0, ("full", "cached"): 15.0}


class PlainModel(CRBLDualModel):
    """The model with pooling, dropout and the linear layer one after the other."""

    def logits(self, first: Tensor, second: Tensor) -> Tensor:
        pooled = nn.functional.dropout(self.pooling(first, second), 0.5, self.training)
        return self.classifier(pooled).squeeze(1)


class PlainActivations(ComputedActivations):
    """Computed by the model's own frozen layers, BatchNorm after convolution, in torch's usual layout."""

    @property
    def frozen_part(self) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
        return self.model.frozen_activations


def random_images(count: int) -> PreparedDataset:
    """Noise, half of it labelled anomalous: what is learnt does not matter here."""
    images = torch.randint(256, (count, 128, 128, 3), dtype=torch.uint8)
    return PreparedDataset(
        images, torch.arange(count).remainder(2).float(), tuple(map(Path, map(str, range(count)))), 0
    )


def measure(variant: str, kind: str, images: int) -> None:
    """Train two epochs here and print the second one's CPU seconds, and the peak of resident memory."""
    torch.manual_seed(0)
    if kind == "plain":
        loop.ComputedActivations = PlainActivations
    model = (PlainModel if kind == "plain" else CRBLDualModel)(TRAINABLE[variant])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ends: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        data = TrainingData(random_images(images), random_images(images // 4), PreprocessingSpec("whole"), 0.5)
        recipe = Recipe(epochs=2, batch_size=32, views=1 if kind == "cached" else 0)
        cache = CacheSettings(Path(folder), "on" if kind == "cached" else "off")
        outputs = RunOutputs(lambda epoch: ends.append(time.process_time()), cache=cache)
        train_model(model, data, recipe, torch.device("cpu"), 0, outputs)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": ends[1] - ends[0], "memory": (peak - before) / 1024}))


@click.command(epilog="Example: python benchmarks/training_epoch.py --rounds 3")
@click.option("--images", type=int, default=96, show_default=True, help="In an epoch; a quarter more to validate on.")
@click.option("--rounds", type=int, default=3, show_default=True)
def main(images: int, rounds: int) -> None:
    """Compare the three kinds of epoch for both variants."""
    for variant in TRAINABLE:
        measured: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
        for _ in range(rounds):
            for kind in KINDS:
                measured[kind].append(_in_own_process(variant, kind, images))
        seconds = {kind: median(each["seconds"] for each in measured[kind]) for kind in KINDS}
        for kind in KINDS:
            target = TARGETS.get((variant, kind))
            click.echo(
                f"{variant:5s} {kind:9s} {1000 * seconds[kind] / images:7.1f} ms an image   "
                f"{seconds['plain'] / seconds[kind]:5.1f} times plain{f' (target {target:g})' if target else '':14s}   "
                f"{median(each['memory'] for each in measured[kind]):6.0f} MB above the start"
            )


def _in_own_process(variant: str, kind: str, images: int) -> dict[str, float]:
    code = f"import training_epoch; training_epoch.measure({variant!r}, {kind!r}, {images})"
    environment = {"OMP_NUM_THREADS": "1", "PYTHONPATH": ":".join([str(Path(__file__).parent), *sys.path])}
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    result: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
    return result


if __name__ == "__main__":
    main()
