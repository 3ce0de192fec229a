"""Which way of training CRBL is best on real images: AUROC on ELPV over several splits, as a table.

    pip install elpv-dataset
    python benchmarks/elpv_table.py OUT --weights tf_efficientnet_b0.safetensors [--seeds 5]

Each way is what crbl-train does with the options that stand in WAYS; beside them are two logistic regressions that see
nothing of the bilinear features. A seed decides the split of the images, the random weights and the batches. All is
kept in OUT, results in OUT/results.jsonl, so that a benchmark that was stopped goes on where it was: `--only crop`
computes the ways whose names begin so, and every call prints the table of what is there. Ways that start from the same
frozen layers of the same images compute them once: the first of them takes the minutes of that.

Only the backbones' weights are given, --weights twice where the two differ; without --weights the backbones are random
ones alone.
"""

import importlib.util
import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from types import ModuleType

import click
import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from crbl_runtime.atomic_file import write_text
from crbl_runtime.preprocessing import IMAGENET_MEAN, IMAGENET_STD, PreprocessingSpec
from crbl_training.commands.evaluate import main as crbl_evaluate
from crbl_training.commands.train import main as crbl_train
from crbl_training.data.dataset import read_labelled
from crbl_training.data.prepared_dataset import PreparedDataset, prepare_dataset
from crbl_training.model.crbl import create_full_model
from crbl_training.model.network_input import network_input
from crbl_training.train.run import CACHE_FOLDER
from crbl_training.weights.initial_weights import load_backbones

# ELPV's cells fill the image, and both variants see all of it.
SEEN = ("--region", "whole", "--imagenet-normalization")
SPEC = PreprocessingSpec(region="whole", mean=IMAGENET_MEAN, std=IMAGENET_STD)
# The crop variant's frozen layers are computed once for four views of each image, in place of new views in each epoch.
VIEWS = ("--augment", "original", "--views", "4")
ORIGINAL = ("--recipe", "original")
SOLVED = ("--head-start", "solved")
RANDOM = ("--head-start", "random")
WAYS = {
    "full, original recipe, 12 epochs": ("full", (*ORIGINAL, "--augment", "none", "--epochs", "12")),
    "full, random head, lr 1e-2, 12 epochs": ("full", (*RANDOM, "--augment", "none", "--epochs", "12")),
    "full, recommended: solved": ("full", ()),
    "full, solved, then 4 epochs": ("full", (*SOLVED, "--augment", "none", "--epochs", "4")),
    "crop, original recipe, 10 epochs": ("crop", (*ORIGINAL, *VIEWS, "--epochs", "10")),
    "crop, solved, no epochs": ("crop", (*SOLVED, "--epochs", "0")),
    "crop, recommended, 10 epochs": ("crop", VIEWS),
    "crop, recommended, from a solved head": ("crop", (*SOLVED, *VIEWS)),
}
POOLED, GREY = "pooled features", "24 x 24 grey values"
NO_BACKBONES = "none"
SIDE = 24
FOLDS = 5


@dataclass(frozen=True)
class Result:
    """AUROC on the validation and the test images of one way on one seed, and the minutes of one core it took."""

    way: str
    backbones: str
    seed: int
    validation: float
    test: float
    best_epoch: int | None
    cpu_minutes: float


@click.command(epilog="Example: python benchmarks/elpv_table.py elpv_table --weights tf_efficientnet_b0.safetensors")
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option("--weights", multiple=True, help="As of crbl-train; without it the random ones alone are tried.")
@click.option("--seeds", type=int, default=5, show_default=True, help="How many, from 1.")
@click.option("--only", multiple=True, default=("",), help="Ways whose names begin so.")
def main(out: Path, weights: tuple[str, ...], seeds: int, only: tuple[str, ...]) -> None:
    """Train and measure every way that OUT has no result of, and print the table of all results in it."""
    backbones = {NO_BACKBONES: ()} | ({"trained": weights} if weights else {}) | {"random": ("none",)}
    for name, sources in backbones.items():
        for seed in range(1, seeds + 1):
            data = _dataset(out, seed)
            for way in _ways(name):
                if way.startswith(tuple(only)) and not _is_there(out, way, name, seed):
                    measure = _trained if way in WAYS else _baseline
                    _keep(out, measure(out, data, way, name, sources, seed))
    click.echo("\n".join(_table(_results(out))))


def _ways(backbones: str) -> tuple[str, ...]:
    """What is measured with these backbones."""
    return (GREY,) if backbones == NO_BACKBONES else (POOLED, *WAYS)


def _dataset(out: Path, seed: int) -> Path:
    recipe, folder = _elpv_recipe(), out / f"elpv_{seed}"
    if not (folder / "test.csv").is_file():
        recipe.write_dataset(folder, recipe.load_cells(), seed)
    return folder


def _elpv_recipe() -> ModuleType:
    path = Path(__file__).parents[1] / "training" / "recipes" / "elpv.py"
    spec = importlib.util.spec_from_file_location("elpv", path)
    assert spec is not None
    assert spec.loader is not None
    recipe = importlib.util.module_from_spec(spec)
    sys.modules["elpv"] = recipe
    spec.loader.exec_module(recipe)
    return recipe


def _trained(out: Path, data: Path, way: str, backbones: str, sources: Sequence[str], seed: int) -> Result:
    variant, options = WAYS[way]
    folder = out / f"{re.sub('[^a-z0-9]+', '-', way)}_{backbones}_{seed}"
    _share_cache(folder, out / f"cache_{backbones}_{seed}")
    started = _cpu_minutes()
    given = [argument for source in sources for argument in ("--weights", source)]
    resumed = ["--resume"] if (folder / "training_state.safetensors").is_file() else []
    train = [*("--variant", variant, "--data", data / "train", "--val", data / "validation.csv", "--out", folder)]
    _run(crbl_train, *train, *SEEN, *options, *given, "--seed", seed, "--device", "cpu", *resumed)
    minutes = _cpu_minutes() - started
    checkpoint = next(folder.glob("*.safetensors"))
    _run(crbl_evaluate, checkpoint, "--data", data / "test.csv", "--out", folder / "test", "--device", "cpu")
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    test = json.loads((folder / "test" / "metrics.json").read_text(encoding="utf-8"))["evaluation"]["auroc"]
    return Result(way, backbones, seed, metrics["validation"]["auroc"], test, metrics["best_epoch"], minutes)


def _share_cache(folder: Path, cache: Path) -> None:
    """Let a run find its frozen activations where the other runs have theirs: files are named by their content."""
    cache.mkdir(exist_ok=True)
    folder.mkdir(exist_ok=True)
    link = folder / CACHE_FOLDER
    if not link.is_symlink():
        link.symlink_to(cache.absolute(), target_is_directory=True)


def _cpu_minutes() -> float:
    """Of this process and its workers that ended."""
    return sum(os.times()[:4]) / 60


def _run(command: click.Command, *arguments: object) -> None:
    command.main([str(argument) for argument in arguments], standalone_mode=False)


def _baseline(out: Path, data: Path, way: str, backbones: str, sources: Sequence[str], seed: int) -> Result:
    started = _cpu_minutes()
    sets = [prepare_dataset(read_labelled(data / name), SPEC, name) for name in ("train", "validation.csv", "test.csv")]
    features = _pooled_features(sets, sources, seed) if way == POOLED else [_grey_values(each) for each in sets]
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    costs = np.logspace(-5, 0, 6)
    regression = make_pipeline(
        StandardScaler(),
        LogisticRegressionCV(Cs=costs, cv=folds, scoring="roc_auc", class_weight="balanced", max_iter=2000),
    )
    regression.fit(features[0], sets[0].labels.numpy())
    validation, test = (
        float(roc_auc_score(each.labels.numpy(), regression.decision_function(values)))
        for each, values in zip(sets[1:], features[1:], strict=True)
    )
    return Result(way, backbones, seed, validation, test, None, _cpu_minutes() - started)


@torch.no_grad()
def _pooled_features(sets: Sequence[PreparedDataset], sources: Sequence[str], seed: int) -> list[NDArray[np.float32]]:
    """Each image's mean over the positions of both feature maps: float32 [N, 2560] for each set."""
    torch.manual_seed(seed)
    model = create_full_model().eval()
    load_backbones(model, tuple(sources), sets[0], SPEC, trust_pickle=False)
    return [
        np.concatenate(
            [
                torch.cat([maps.mean((2, 3)) for maps in model.features(network_input(some, SPEC))], 1).numpy()
                for some in each.images.split(32)
            ]
        )
        for each in sets
    ]


def _grey_values(images: PreparedDataset) -> NDArray[np.float32]:
    """float32 [N, 576], 0 to 255."""
    small = [cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for image in images.images.numpy()]
    return np.array([cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).ravel() for image in small], np.float32)


def _results(out: Path) -> list[Result]:
    path = out / "results.jsonl"
    if not path.is_file():
        return []
    return [Result(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def _is_there(out: Path, way: str, backbones: str, seed: int) -> bool:
    return any((each.way, each.backbones, each.seed) == (way, backbones, seed) for each in _results(out))


def _keep(out: Path, result: Result) -> None:
    lines = [json.dumps(vars(each)) for each in (*_results(out), result)]
    write_text(out / "results.jsonl", "\n".join(lines) + "\n")
    click.echo(f"{result}")


def _table(results: Sequence[Result]) -> list[str]:
    """Mean and deviation over the seeds, as a table in Markdown."""
    lines = ["| backbones | way | seeds | validation | test | CPU minutes |", "|---|---|---|---|---|---|"]
    for backbones in (NO_BACKBONES, "trained", "random"):
        for way in _ways(backbones):
            of_way = [each for each in results if (each.way, each.backbones) == (way, backbones)]
            if of_way:
                cells = [
                    _mean_and_deviation([getattr(each, name) for each in of_way]) for name in ("validation", "test")
                ]
                minutes = f"{mean(each.cpu_minutes for each in of_way):.1f}"
                lines.append(f"| {backbones} | {way} | {len(of_way)} | {' | '.join(cells)} | {minutes} |")
    return lines


def _mean_and_deviation(values: Sequence[float]) -> str:
    return f"{mean(values):.3f} ± {stdev(values):.3f}" if len(values) > 1 else f"{values[0]:.3f}"


if __name__ == "__main__":
    main()
