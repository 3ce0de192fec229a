"""folds.py and --folds: every image is validated on once, by a model that has not seen it."""

import json
import shutil
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from crbl_runtime.errors import DataError
from crbl_training.data.dataset import LabelledImage
from crbl_training.evaluation.metric_labels import METRIC_LABELS
from crbl_training.train.folds import split_into_folds, summarize
from filled_page import FilledPage
from public_commands import run_command

IMAGES = tuple(LabelledImage(Path(f"{n:02d}.png"), int(n % 5 == 0)) for n in range(30))
pytestmark = pytest.mark.usefixtures("few_resamples")


def test_every_image_is_a_validation_image_once_and_never_trained_on_then():
    folds = split_into_folds(IMAGES, 3, seed=1)
    validated = [image for split in folds for image in split.validation]
    assert sorted(validated, key=lambda image: image.path) == list(IMAGES)
    for split in folds:
        assert set(split.train) | set(split.validation) == set(IMAGES)
        assert not set(split.train) & set(split.validation)
        assert sum(image.label for image in split.validation) == 2


def test_folds_depend_on_the_seed_and_not_on_the_order():
    folds = split_into_folds(IMAGES, 3, seed=1)
    assert split_into_folds(IMAGES[::-1], 3, seed=1) == folds
    assert [split.validation for split in split_into_folds(IMAGES, 3, seed=2)] != [s.validation for s in folds]
    assert split_into_folds(IMAGES, 3, seed=2**40)


def test_more_folds_than_anomalies_are_refused():
    with pytest.raises(DataError, match="6 images of class_1 are too few for 7 folds"):
        split_into_folds(IMAGES, 7, seed=1)


def test_summary_is_mean_and_deviation_of_the_sample():
    of_folds = [dict.fromkeys(METRIC_LABELS, value) for value in (1, 3)]
    assert summarize(of_folds)["auroc"] == {"mean": 2, "std": pytest.approx(2**0.5), "folds": [1, 3]}


def crbl_train(grain_folder: Path, out: Path, *more: str) -> CompletedProcess[str]:
    quick = ("--variant", "full", "--weights", "none", "--epochs", "1", "--image-size", "32", "--device", "cpu")
    return run_command("crbl-train", *quick, "--data", grain_folder / "train", "--out", out, *more)


def test_command_trains_each_fold_and_resumes_with_those_that_are_missing(grain_folder, tmp_path):
    answer = crbl_train(grain_folder, tmp_path, "--folds", "2")
    assert answer.returncode == 0, answer.stderr
    summary = json.loads((tmp_path / "folds.json").read_text())
    singles = [json.loads((tmp_path / f"fold_{n}" / "metrics.json").read_text()) for n in (1, 2)]
    assert summary["auroc"]["folds"] == [single["validation"]["auroc"] for single in singles]
    assert "over 2 folds" in answer.stdout
    assert {single["validation_source"] for single in singles} == {"fold 1 of 2, seed 0", "fold 2 of 2, seed 0"}

    report = FilledPage.read(tmp_path / "report.html").data
    assert (report["kind"], report["status"], report["reason"]) == ("folds", "finished", None)
    assert [fold["auroc"] for fold in report["metrics"]] == summary["auroc"]["folds"]
    assert (report["summary"]["recall"]["std"], len(report["reports"])) == (summary["recall"]["std"], 2)
    for number, path in enumerate(report["reports"], start=1):
        of_fold = FilledPage.read(tmp_path / path).data
        assert of_fold["data"]["validation_source"] == f"fold {number} of 2, seed 0"
        assert of_fold["result"]["validation"] == singles[number - 1]["validation"]

    shutil.rmtree(tmp_path / "fold_2")
    again = crbl_train(grain_folder, tmp_path, "--folds", "2", "--resume")
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("It has ended already") == 1
    assert json.loads((tmp_path / "folds.json").read_text()) == summary


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--folds", "1"), "--folds is 1, expected at least 2"),
        (("--folds", "2", "--val", __file__), "--folds takes its validation images from --data"),
    ],
)
def test_folds_that_make_no_sense_are_refused(grain_folder, tmp_path, more, message):
    answer = crbl_train(grain_folder, tmp_path, *more)
    assert answer.returncode == 2
    assert message in answer.stderr
