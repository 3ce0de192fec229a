"""From a data set in MVTec AD's layout to the recall of each kind on the images that were held out, by two commands.

All normal images are of one grey value each, which no step may turn into NaN.
"""

import csv
import json
import math
from pathlib import Path
from subprocess import CompletedProcess

import cv2
import numpy as np
import pytest

from crbl_training.checkpoint import load_checkpoint
from crbl_training.data.dataset import data_hash, read_labelled
from crbl_training.file_names import HELD_OUT_FILE
from public_commands import run_command

QUICK = (
    "--weights",
    "none",
    "--epochs",
    1,
    "--batch-size",
    5,
    "--image-size",
    64,
    "--device",
    "cpu",
    "--region",
    "whole",
)
pytestmark = pytest.mark.usefixtures("few_resamples")


def crbl_train(*arguments: object) -> CompletedProcess[str]:
    return run_command("crbl-train", "--variant", "full", *arguments, *QUICK)


def draw(path: Path, value: int, kind: str = "good") -> None:
    image = np.full((40, 40, 3), value, dtype=np.uint8)
    if kind == "scratch":
        image[value % 30, 2:] = 255
    if kind == "hole":
        cv2.circle(image, (value % 40, 20), 6, (0, 0, 0), -1)
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 good images for training; 4 good ones, 4 with a scratch and 4 with a hole, with masks, for testing."""
    folder = tmp_path_factory.mktemp("mvtec") / "tile"
    for number in range(12):
        draw(folder / f"train/good/{number:03}.png", 60 + number)
    for number in range(4):
        draw(folder / f"test/good/{number:03}.png", 80 + number)
        for kind, brightness in (("scratch", 100), ("hole", 130)):
            draw(folder / f"test/{kind}/{number:03}.png", brightness + 5 * number, kind)
            draw(folder / f"ground_truth/{kind}/{number:03}_mask.png", 0)
    return folder


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The result folder and the output of a short run on half of the test images, with an odd batch size."""
    out = tmp_path_factory.mktemp("run") / "full"
    answer = crbl_train("--data", data, "--split-test", 0.5, "--out", out, "--class-weights", "balanced")
    assert answer.returncode == 0, answer.stderr
    return out, answer.stdout


def numbers(value: object) -> list[float]:
    if isinstance(value, dict | list):
        return [one for each in (value.values() if isinstance(value, dict) else value) for one in numbers(each)]
    return [value] if isinstance(value, float) else []


def test_training_says_what_was_read_and_held_out_and_how_to_measure(run, data):
    out, text = run
    splits = (
        "tile: splits train and test, good = normal, hole and scratch = anomaly, the masks in ground_truth left out"
    )
    assert splits in text
    assert "training images: 11 normal, 3 anomalous" in text
    held_out = "Held out of training and validation: 6 test images (2 normal, 2 hole, 2 scratch). Measure on them: "
    assert f"{held_out}crbl-evaluate {next(out.glob('*.pth'))} --data {out / HELD_OUT_FILE}\n" in text
    with (out / HELD_OUT_FILE).open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert [row["kind"] for row in rows] == ["", "", "hole", "hole", "scratch", "scratch"]
    assert all(Path(row["image_path"]).is_relative_to(data.resolve() / "test") for row in rows)


def test_metrics_hold_the_recall_of_each_kind_and_no_nan(run):
    out, text = run
    metrics = json.loads((out / "metrics.json").read_text())
    kinds = metrics["validation"]["recall_by_kind"]
    assert sum(of_kind["images"] for of_kind in kinds) == 1
    assert f"  {kinds[0]['kind']:18} {kinds[0]['recall']:8.4f}" in text
    assert all(map(math.isfinite, numbers(metrics)))
    assert metrics["recipe"]["class_weights"] == "balanced"
    checkpoint = load_checkpoint(next(out.glob("*.pth")))
    assert checkpoint.provenance["validation"]["recall_by_kind"] == kinds
    assert checkpoint.provenance["held_out_data_hash"] == data_hash(read_labelled(out / HELD_OUT_FILE))
    assert all(bool(tensor.isfinite().all()) for tensor in checkpoint.state.values())
    with (out / "validation_scores.csv").open(newline="", encoding="utf-8-sig") as file:
        assert [row["kind"] for row in csv.DictReader(file) if row["impurity"] == "1"] == [kinds[0]["kind"]]


def test_the_held_out_images_are_measured_by_kind_without_a_warning(run, tmp_path):
    out = run[0]
    checkpoint = next(out.glob("*.pth"))
    measured = ("--data", out / HELD_OUT_FILE, "--device", "cpu", "--json")
    answer = run_command("crbl-evaluate", checkpoint, *measured, "--out", tmp_path / "e")
    assert answer.returncode == 0, answer.stderr
    facts = json.loads(answer.stdout)
    assert facts == json.loads((tmp_path / "e" / "metrics.json").read_text())
    assert facts["known_images"] is None
    kinds = facts["evaluation"]["recall_by_kind"]
    assert [(of_kind["kind"], of_kind["images"]) for of_kind in kinds] == [("hole", 2), ("scratch", 2)]
    with (tmp_path / "e" / "scores.csv").open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    found = sum(row["kind"] == "hole" and float(row["probability"]) > facts["evaluation"]["threshold"] for row in rows)
    assert kinds[0]["found"] == found


def test_measuring_on_all_test_images_says_that_some_were_trained_on(run, data):
    checkpoint = next(run[0].glob("*.pth"))
    answer = run_command("crbl-evaluate", checkpoint, "--data", data, "--split", "test", "--device", "cpu")
    assert answer.returncode == 0, answer.stderr
    assert "Note: The training with --split-test learned from some test images of its data" in answer.stdout
    assert "recall by kind" in answer.stdout


@pytest.mark.parametrize("share", [0, 1, -0.5, "half"])
def test_a_share_that_is_none_is_a_usage_error(data, tmp_path, share):
    answer = crbl_train("--data", data, "--split-test", share, "--out", tmp_path / "out")
    assert answer.returncode == 2
    assert not (tmp_path / "out").exists()


def test_without_anomalies_to_train_on_the_option_is_offered_and_nothing_is_written(data, tmp_path):
    answer = crbl_train("--data", data, "--out", tmp_path / "out")
    assert answer.returncode == 4
    assert "--split-test 0.5" in answer.stderr
    assert not (tmp_path / "out").exists()


def test_class_weights_that_are_none_are_a_usage_error(data, tmp_path):
    for weights in ("1,0", "heavy", "1"):
        answer = crbl_train("--data", data, "--split-test", 0.5, "--class-weights", weights, "--out", tmp_path / "out")
        assert answer.returncode == 2
        assert f"--class-weights is {weights}, expected assumed, balanced or" in answer.stderr


def test_an_image_in_both_classes_stops_training_and_evaluation(run, data, tmp_path):
    for name, label in (("good", "0"), ("hole", "1")):
        for number in range(3):
            draw(tmp_path / f"{name}/{number}.png", 100 + 10 * number + 3 * int(label), name)
    (tmp_path / "hole/copy.png").write_bytes((tmp_path / "good/1.png").read_bytes())
    for answer in (
        crbl_train("--data", tmp_path, "--out", tmp_path / "out"),
        run_command("crbl-evaluate", next(run[0].glob("*.pth")), "--data", tmp_path, "--device", "cpu"),
    ):
        assert answer.returncode == 4
        assert f"{tmp_path / 'good/1.png'} is normal, {tmp_path / 'hole/copy.png'} is anomalous" in answer.stderr
    assert not (tmp_path / "out" / "metrics.json").exists()
