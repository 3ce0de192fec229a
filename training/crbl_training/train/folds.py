"""Cross-validation: every image is a validation image once."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from sklearn.model_selection import StratifiedKFold

from crbl_runtime.atomic_file import write_text
from crbl_runtime.counted import counted
from crbl_runtime.errors import DataError
from crbl_runtime.report.size import REPORT_FILE
from crbl_training.data.dataset import LabelledImage, Split
from crbl_training.devices.device import ChosenDevice
from crbl_training.evaluation.metric_labels import METRIC_LABELS
from crbl_training.file_names import FOLDS_FILE, METRICS_FILE, STATE_FILE, fold_folder
from crbl_training.process_group import current_shard
from crbl_training.report.folds import known_of_folds
from crbl_training.report.live_report import live_report
from crbl_training.report.pictures import Pictures
from crbl_training.train.config import TrainingConfig
from crbl_training.train.print_once import print_once
from crbl_training.train.run import run_training


def split_into_folds(
    images: Sequence[LabelledImage], count: int, seed: int, held_out: tuple[LabelledImage, ...] = ()
) -> list[Split]:
    """`count` splits; each validates on other images, among which the classes have their share of the whole.

    The splits depend on the seed and the images' paths, not on their order. All of them hold out the same images.

    Raises:
        DataError: a class has fewer images than there are to be folds.
    """
    ordered = sorted(images, key=lambda image: image.path)
    labels = [image.label for image in ordered]
    for label in (0, 1):
        if labels.count(label) < count:
            there_are = counted(labels.count(label), f"image of class_{label} is", f"images of class_{label} are")
            raise DataError(f"{there_are} too few for {count} folds. Ask for fewer folds.")
    folds = StratifiedKFold(count, shuffle=True, random_state=seed % 2**32).split(labels, labels)
    return [
        Split(
            tuple(ordered[index] for index in train),
            tuple(ordered[index] for index in validation),
            f"fold {number} of {count}, seed {seed}",
            held_out=held_out,
        )
        for number, (train, validation) in enumerate(folds, start=1)
    ]


def run_folds(
    config: TrainingConfig, folds: Sequence[Split], folder: Path, chosen: ChosenDevice, command: str | None = None
) -> None:
    """Train a model for each split, in a folder of its own, and write down how far their metrics agree.

    Where the config is to resume, folds that have ended are not trained again. A report shows the folds that are done,
    and leads to the report of each.

    Args:
        command: see `run_training`.
    """
    of_folds: list[dict[str, float]] = []
    known = known_of_folds(config.variant.name, folder, len(folds), command)
    with live_report(folder / REPORT_FILE, known, Pictures(), print_once) as report:
        for number, split in enumerate(folds, start=1):
            report.update(metrics=of_folds)
            own = fold_folder(folder, number)
            print_once(f"Fold {number} of {len(folds)}: {own}")
            if config.resume and (own / METRICS_FILE).is_file() and not (own / STATE_FILE).is_file():
                print_once("It has ended already")
            else:
                run_training(replace(config, resume=config.resume and own.is_dir()), split, own, chosen, command)
            validation = json.loads((own / METRICS_FILE).read_text(encoding="utf-8"))["validation"]
            of_folds.append({name: validation[name] for name in METRIC_LABELS})
        summary = summarize(of_folds)
        if current_shard().rank == 0:
            write_text(folder / FOLDS_FILE, json.dumps(summary, indent=2) + "\n")
        report.finish(metrics=of_folds, summary=summary)
    for name in METRIC_LABELS:
        print_once(f"{name:17s} {summary[name]['mean']:.4f} ± {summary[name]['std']:.4f} over {len(folds)} folds")


def summarize(of_folds: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Each metric's mean, standard deviation (of the sample: n − 1) and values."""
    values = {name: [fold[name] for fold in of_folds] for name in METRIC_LABELS}
    return {name: {"mean": mean(each), "std": stdev(each), "folds": each} for name, each in values.items()}
