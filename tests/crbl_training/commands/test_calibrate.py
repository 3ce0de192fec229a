"""--calibrate of crbl-train and crbl-evaluate: what is written, what stays as it was, and what is refused."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
import torch

from crbl_runtime.calibration import Calibration, calibration_to_json
from crbl_training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from crbl_training.data.dataset import data_hash, read_labelled
from crbl_training.train.calibrated_checkpoint import kept_or_dropped
from filled_page import FilledPage
from public_commands import Trained, run_command
from rewritten_model import rewritten

# A solved head, which is better than chance on any machine.
QUICK = ("--weights", "none", "--epochs", 0, "--image-size", 64, "--device", "cpu")
CALIBRATION = Calibration("platt", slope=1.5, intercept=-2.0, images=40, anomalies=12, data_hash="ab" * 32)
pytestmark = pytest.mark.usefixtures("few_resamples")


def only_checkpoint(folder: Path) -> Checkpoint:
    (path,) = folder.glob("*.safetensors")
    return load_checkpoint(path)


@pytest.fixture(scope="module")
def run(grains: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder and the output of a short run that was calibrated, of a model that is better than chance."""
    out = tmp_path_factory.mktemp("calibrated")
    data = ("--data", grains / "train", "--val", grains / "validation.csv")
    answer = run_command("crbl-train", "--variant", "full", *data, *QUICK, "--calibrate", "platt", "--out", out)
    assert answer.returncode == 0, answer.stderr
    return out, answer.stdout


def test_a_run_leaves_a_calibrated_checkpoint_and_says_what_it_is_worth(run: tuple[Path, str], grains: Path) -> None:
    out, text = run
    checkpoint, metrics = only_checkpoint(out), json.loads((out / "metrics.json").read_text())
    calibration = checkpoint.calibration
    assert calibration is not None
    assert (calibration.method, calibration.images, calibration.anomalies) == ("platt", 16, 8)
    assert calibration.data_hash == data_hash(read_labelled(grains / "validation.csv"))
    assert metrics["calibration"] == calibration_to_json(calibration)
    measured = metrics["reliability"]
    assert checkpoint.provenance["reliability"] == measured
    assert (measured["images"], measured["held_out"]) == (16, True)
    assert measured["raw"]["log_loss"] == pytest.approx(metrics["validation"]["loss"])
    for name, key in (("Brier score", "brier"), ("log loss", "log_loss"), ("calibration error", "calibration_error")):
        assert f"  {name:18} {measured['raw'][key]:8.4f} {measured['calibrated'][key]:12.4f}\n" in text
    assert "fitted to 16 images, 8 of them anomalous. The figures are of 5 folds" in text
    assert "Calibrated on few images (8 of the rarer class, 20 are wanted)" in text
    assert cv2.imread(str(out / "reliability.png")) is not None
    with (out / "validation_scores.csv").open(newline="", encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            expected = calibration.probability(float(row["logit"]))
            assert float(row["calibrated_probability"]) == pytest.approx(expected, abs=1e-5)
    assert checkpoint.threshold_source.startswith("f1 on 16 validation images")
    result = FilledPage.read(out / "report.html").data["result"]
    assert (result["calibration"], result["reliability"]) == (metrics["calibration"], measured)


def test_a_model_that_ranks_the_wrong_way_is_written_without_a_calibration(
    run: tuple[Path, str], grains: Path, tmp_path: Path
) -> None:
    """The same run with the validation labels turned around: no epochs, so that they choose nothing."""
    table = tmp_path / "turned.csv"
    lines = [f"{image.path},{1 - image.label}" for image in read_labelled(grains / "validation.csv")]
    table.write_text("\n".join(["image_path,impurity", *lines]))
    out = tmp_path / "out"
    data = ("--data", grains / "train", "--val", table, "--out", out)
    answer = run_command("crbl-train", "--variant", "full", *data, *QUICK, "--calibrate", "platt")
    assert answer.returncode == 4
    assert "The model is no better than chance on the 16 validation images" in answer.stderr
    assert "The checkpoint was written without a calibration." in answer.stderr
    checkpoint, metrics = only_checkpoint(out), json.loads((out / "metrics.json").read_text())
    assert checkpoint.hash == only_checkpoint(run[0]).hash
    assert (checkpoint.calibration, metrics["calibration"], metrics["reliability"]["calibrated"]) == (None, None, None)
    assert metrics["calibration_note"].startswith("The model is no better than chance")
    assert f"No calibration: {metrics['calibration_note']}" in answer.stdout
    assert not (out / "training_state.safetensors").exists()
    report = FilledPage.read(out / "report.html").data
    assert (report["status"], report["result"]["calibration_note"]) == ("finished", metrics["calibration_note"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "--calibrate platt needs at least 5 images of each class, and of 8 validation images 4 are normal"),
        (("--folds", 2), "and of 8 validation images 4 are normal"),
    ],
)
def test_too_few_images_end_with_4_before_anything_is_trained(
    grain_folder: Path, tmp_path: Path, options: tuple[object, ...], message: str
) -> None:
    data = ["--data", grain_folder / "train"]
    data += ["--val", grain_folder / "validation.csv"] if not options else []
    answer = run_command(
        "crbl-train", "--variant", "full", *data, *QUICK, *options, "--calibrate", "platt", "--out", tmp_path / "out"
    )
    assert (answer.returncode, answer.stdout) == (4, "")
    assert message in answer.stderr
    assert not (tmp_path / "out").exists()


def test_what_it_was_calibrated_with_stays_only_with_the_weights_and_the_preprocessing(run: tuple[Path, str]) -> None:
    start = replace(only_checkpoint(run[0]), calibration=CALIBRATION)
    logits = torch.tensor([-1.0, 2.0])
    same = replace(start, calibration=None, provenance={})
    kept = kept_or_dropped(same, start, logits)
    assert (kept.checkpoint.calibration, kept.note) == (CALIBRATION, None)
    assert kept.images is not None
    assert kept.images.log_odds.tolist() == [-3.5, 1.0]
    trained = replace(same, state=same.state | {"classifier.bias": same.state["classifier.bias"] + 1})
    larger = replace(same, preprocessing=replace(same.preprocessing, image_size=96))
    for changed, word in ((trained, "weights have"), (larger, "preprocessing has")):
        dropped = kept_or_dropped(changed, start, logits)
        assert (dropped.checkpoint.calibration, dropped.images) == (None, None)
        assert f"the {word} changed" in str(dropped.note)
    for before in (None, same):
        nothing = kept_or_dropped(same, before, logits)
        assert (nothing.checkpoint, nothing.images, nothing.note) == (same, None, None)


def test_a_finished_checkpoint_is_calibrated_into_another_folder(
    run: tuple[Path, str], grains: Path, tmp_path: Path
) -> None:
    (path,) = run[0].glob("*.pth")
    before, bytes_before = load_checkpoint(path), path.with_suffix(".safetensors").read_bytes()
    data = ("--data", grains / "test.csv", "--device", "cpu")
    told = run_command("crbl-evaluate", path, *data, "--calibrate", "platt", "--out", tmp_path)
    assert told.returncode == 0, told.stderr
    assert f"Calibrated checkpoint: {tmp_path / path.name} and {path.with_suffix('.safetensors').name}" in told.stdout
    after, metrics = load_checkpoint(tmp_path / path.name), json.loads((tmp_path / "metrics.json").read_text())
    assert after.calibration is not None
    assert after.calibration.data_hash == metrics["data_hash"] != before.provenance["validation_data_hash"]
    assert after.provenance == before.provenance | {"reliability": metrics["reliability"]}
    assert metrics["calibration"] == calibration_to_json(after.calibration)
    assert after.hash == before.hash
    assert replace(after, state={}, provenance={}, calibration=None) == replace(
        before, state={}, provenance={}, calibration=None
    )
    assert path.with_suffix(".safetensors").read_bytes() == bytes_before
    again = run_command("crbl-evaluate", tmp_path / path.name, *data, "--json")
    measured = json.loads(again.stdout)
    assert measured["calibration"] == metrics["calibration"]
    assert measured["evaluation"] == metrics["evaluation"]
    assert measured["known_images"].startswith("The model was calibrated on these very images")
    assert (measured["reliability"]["held_out"], measured["reliability"]["raw"]) == (
        False,
        metrics["reliability"]["raw"],
    )


def test_a_calibrated_model_file_is_measured_as_its_checkpoint(crop: Trained, grains: Path, tmp_path: Path) -> None:
    (tmp_path / "crop.onnx").write_bytes(rewritten(crop.model.read_bytes(), calibration=CALIBRATION))
    save_checkpoint(replace(load_checkpoint(crop.checkpoint), calibration=CALIBRATION), tmp_path / "crop")
    of_file, of_checkpoint = (
        json.loads(
            run_command(
                "crbl-evaluate", tmp_path / name, "--data", grains / "validation.csv", "--device", "cpu", "--json"
            ).stdout
        )
        for name in ("crop.onnx", "crop.pth")
    )
    assert of_file["calibration"] == of_checkpoint["calibration"] == calibration_to_json(CALIBRATION)
    for name in ("raw", "calibrated"):
        for key in ("brier", "log_loss"):
            expected = of_checkpoint["reliability"][name][key]
            assert of_file["reliability"][name][key] == pytest.approx(expected, abs=1e-4)


def test_what_cannot_be_calibrated_is_refused_by_name_and_nothing_is_written(
    run: tuple[Path, str], crop: Trained, grain_folder: Path, grains: Path, tmp_path: Path
) -> None:
    (path,) = run[0].glob("*.pth")
    (tmp_path / "alone").mkdir()
    alone, _ = save_checkpoint(load_checkpoint(path), tmp_path / "alone" / "model")
    validation, out = ("--data", grains / "validation.csv"), ("--out", tmp_path / "out")
    for code, model, options, message in (
        (2, crop.model, (*validation, *out), "is none. Calibrate the checkpoint that it was exported from"),
        (2, path, validation, "Name a folder for it with --out"),
        (2, alone, (*validation, "--out", alone.parent), "holds model.pth itself"),
        (2, alone, (*validation, "--out", run[0]), "holds a training run"),
        (2, path, (*validation, *out, "--bit-depth", 12), "--bit-depth changes its preprocessing"),
        (4, path, ("--data", grain_folder / "validation.csv", *out), "of 8 validation images 4 are normal"),
        (4, path, ("--data", grains / "train", *out), "trained on these very images"),
    ):
        answer = run_command("crbl-evaluate", model, *options, "--device", "cpu", "--calibrate", "temperature")
        assert (answer.returncode, answer.stdout) == (code, ""), options
        assert message in answer.stderr
    assert not (tmp_path / "out").exists()
