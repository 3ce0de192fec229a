"""Which backward floor of the signed root gives the better model: validation AUROC over several seeds.

    python benchmarks/root_floor_auroc.py FOLDER [--images 400] [--epochs 4] [--seeds 3]

FOLDER is what training/recipes/elpv.py makes. Every floor starts from the same weights, images and batches of a seed;
the seeds differ in all three. Backbones start from random weights, with nothing augmented, so that the frozen layers
are computed once for all floors.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

import click
import torch

from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.data.dataset import LabelledImage, read_labelled
from crbl_training.data.prepared_dataset import PreparedDataset, prepare_dataset
from crbl_training.model.crbl import create_crop_model
from crbl_training.train.activation_cache import CacheSettings
from crbl_training.train.loop import RunOutputs, TrainingData, train_model
from crbl_training.train.recipe import Recipe
from crbl_training.weights.initial_weights import load_backbones

FLOORS = (1e-12, 1e-8, 1e-5, 1e-2)
SPEC = PreprocessingSpec(region="whole")
LEARNING_RATE = 3e-4


@dataclass(frozen=True)
class Outcome:
    """AUROC and loss of the validation set: at the epoch with the lowest loss, and AUROC at the last one."""

    auroc: float
    loss: float
    last_auroc: float


@click.command(epilog="Example: python benchmarks/root_floor_auroc.py elpv")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--images", type=int, default=400, show_default=True, help="To train on; all to validate on.")
@click.option("--epochs", type=int, default=4, show_default=True)
@click.option("--seeds", type=int, default=3, show_default=True)
def main(folder: Path, images: int, epochs: int, seeds: int) -> None:
    """Train the crop variant at each floor and seed, and compare the validation metrics."""
    validation = prepare_dataset(read_labelled(folder / "validation.csv"), SPEC, "validation")
    everything = read_labelled(folder / "train")
    outcomes: dict[float, list[Outcome]] = {floor: [] for floor in FLOORS}
    with tempfile.TemporaryDirectory() as cache:
        for seed in range(seeds):
            train = prepare_dataset(_draw(everything, images, seed), SPEC, "training")
            for floor in FLOORS:
                outcome = _train(train, validation, floor, epochs, seed, Path(cache))
                outcomes[floor].append(outcome)
                click.echo(f"seed {seed}  floor {floor:.0e}  {outcome}")
    click.echo("floor   AUROC of the best epoch   of the last epoch   loss of the best epoch (mean ± deviation)")
    for floor, of_floor in outcomes.items():
        cells = [
            _mean_and_deviation([getattr(each, name) for each in of_floor]) for name in ("auroc", "last_auroc", "loss")
        ]
        click.echo(f"{floor:.0e} {cells[0]:>22s} {cells[1]:>21s} {cells[2]:>22s}")


def _draw(images: tuple[LabelledImage, ...], count: int, seed: int) -> list[LabelledImage]:
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed)).tolist()
    return [images[index] for index in order[:count]]


def _train(
    train: PreparedDataset, validation: PreparedDataset, floor: float, epochs: int, seed: int, cache: Path
) -> Outcome:
    torch.manual_seed(seed)
    model = create_crop_model()
    load_backbones(model, ("none",), train, SPEC, trust_pickle=False)
    model.root_floor = floor
    recipe = Recipe(epochs=epochs, learning_rate=LEARNING_RATE, augment="none", root_floor=floor)
    data, outputs = TrainingData(train, validation, SPEC, 0.5), RunOutputs(cache=CacheSettings(cache, "on"))
    result = train_model(model, data, recipe, torch.device("cpu"), seed, outputs)
    best = result.history[result.best_epoch - 1].validation
    return Outcome(best.auroc, best.loss, result.history[-1].validation.auroc)


def _mean_and_deviation(values: list[float]) -> str:
    return f"{mean(values):.3f} ± {stdev(values):.3f}" if len(values) > 1 else f"{values[0]:.3f}"


if __name__ == "__main__":
    main()
