"""crbl-train as a user runs it: the files it leaves, and the exit codes of what cannot work."""

import csv
import json
import re
import shlex
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import cv2
import numpy as np
import pytest

from crbl_runtime.atomic_file import write_text
from crbl_runtime.calibration import Calibration
from crbl_training.checkpoint import load_checkpoint, save_checkpoint
from crbl_training.data.dataset import data_hash, read_labelled
from crbl_training.devices import device
from crbl_training.report import report_file
from filled_page import FilledPage
from made_torch_directml import BREAKS_IN_TRAINING, WORKING, WRONG_WITH_TILED_RESOURCES
from public_commands import run_command

QUICK = ("--weights", "none", "--epochs", 1, "--batch-size", 8, "--image-size", 32, "--device", "cpu")
pytestmark = pytest.mark.usefixtures("few_resamples")


def crbl_train(*arguments: object) -> CompletedProcess[str]:
    return run_command("crbl-train", *arguments)


@pytest.fixture(scope="module")
def crop_run(grain_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The result folder and the output of a short run of the crop variant."""
    out = tmp_path_factory.mktemp("crop") / "not" / "there yet"
    data = ("--data", grain_folder / "train", "--val", grain_folder / "validation.csv")
    answer = crbl_train("--variant", "crop", *data, "--out", out, "--seed", 4, *QUICK)
    assert answer.returncode == 0, answer.stderr
    return out, answer.stdout


def test_all_files_are_there_and_no_other(crop_run):
    names = sorted(path.name for path in crop_run[0].iterdir())
    assert re.fullmatch(r"CRBL_\d{6}_pytorch_directml_crop\.pth", names[0])
    sidecar = names[0].replace(".pth", ".safetensors")
    reports = [
        "curves.png",
        "history.csv",
        "metrics.json",
        "reliability.png",
        "report.html",
        "validation_scores.csv",
        "worst_mistakes.png",
    ]
    assert names[1:] == [sidecar, "activation_cache", *reports]


def test_checkpoint_carries_spec_threshold_and_provenance(crop_run, grain_folder):
    checkpoint = load_checkpoint(next(crop_run[0].glob("*.pth")), "crop")
    spec = checkpoint.preprocessing
    assert (spec.region, spec.image_size, spec.channel_order, spec.mean) == ("object", 32, "rgb", (0.0, 0.0, 0.0))
    provenance = checkpoint.provenance
    assert provenance["threshold_choice"]["rule"] == "f1"
    assert checkpoint.threshold == provenance["threshold_choice"]["threshold"]
    assert provenance["seed"] == 4
    assert provenance["recipe"]["batch_size"] == 8
    assert provenance["recipe"]["learning_rate"] == 5e-4
    assert (provenance["recipe_name"], provenance["recipe"]["best_by"]) == ("recommended", "auroc")
    assert provenance["train_images"] == 16
    assert provenance["train_data_hash"] == data_hash(read_labelled(grain_folder / "train"))
    assert provenance["validation_source"] == "given: validation.csv"
    assert "backbone 1: random, BatchNorm statistics from 16 training images" in provenance["weights"]
    assert not checkpoint.build_model().training


def test_metrics_agree_with_each_other(crop_run):
    out = crop_run[0]
    metrics = json.loads((out / "metrics.json").read_text())
    checkpoint = load_checkpoint(out / metrics["checkpoint"])
    assert metrics["checkpoint_hash"] == checkpoint.hash
    assert metrics["validation"] == checkpoint.provenance["validation"]
    with (out / "history.csv").open() as file:
        (epoch,) = csv.DictReader(file)
    assert float(epoch["val_loss"]) == pytest.approx(metrics["validation"]["loss"], abs=1e-5)
    with (out / "validation_scores.csv").open() as file:
        scores = list(csv.DictReader(file))
    assert len(scores) == metrics["validation"]["images"] == 8
    missed = sum(row["impurity"] == "1" and float(row["probability"]) <= 0.01 for row in scores)
    assert missed == metrics["validation"]["missed_anomaly"]
    wrong = metrics["worst_mistakes"]
    assert len(wrong["missed_anomalies"]) == missed
    assert len(wrong["false_alarms"]) == metrics["validation"]["false_alarm"]
    assert (metrics["leakage"]["identical"], metrics["leakage"]["near_identical"]) == ([], [])
    assert metrics["skipped"] == {"training": [], "validation": []}
    assert cv2.imread(str(out / "worst_mistakes.png")) is not None
    assert cv2.imread(str(out / "curves.png")) is not None


def test_the_report_shows_what_metrics_json_holds(crop_run, grain_folder):
    out = crop_run[0]
    report, metrics = FilledPage.read(out / "report.html").data, json.loads((out / "metrics.json").read_text())
    assert (report["kind"], report["status"], report["variant"]) == ("run", "finished", "crop")
    assert metrics["report"] == {"file": "report.html", "problem": None}
    result = report["result"]
    for name in (
        "validation", "consequences", "reliability", "calibration", "threshold_choice", "threshold_source",
        "checkpoint", "checkpoint_hash", "best_epoch",
    ):  # fmt: skip
        assert result[name] == metrics[name]
    for kind, mistakes in metrics["worst_mistakes"].items():
        shown = [(mistake["path"], mistake["probability"]) for mistake in result["mistakes"][kind]]
        assert shown == [(mistake["path"], mistake["probability"]) for mistake in mistakes]
    for name in ("train_data_hash", "weights", "recipe", "versions", "device", "seed", "device_check"):
        assert report["provenance"][name] == metrics[name]
    (epoch,), solved = report["epochs"], report["solved_head"]
    assert (epoch["number"], epoch["best"], report["epochs_before"], solved) == (1, True, 0, None)
    assert epoch["validation"]["auroc"] == metrics["validation"]["auroc"]
    data = report["data"]
    assert [data[name]["normal"] + data[name]["anomalous"] for name in ("training", "validation")] == [16, 8]
    assert [len(shown) for shown in data["examples"].values()] == [8, 8]
    assert (data["augmentation"]["name"], len(data["augmentation"]["views"])) == ("original", 12)
    assert 90 <= min(data["training"]["sizes"]["smallest"]) <= max(data["training"]["sizes"]["largest"]) <= 110
    words = shlex.split(report["command"])
    assert words[:5] == ["crbl-train", "--variant", "crop", "--data", str(grain_folder / "train")]
    assert words[-len(QUICK) :] == [str(word) for word in QUICK]
    pth = out / metrics["checkpoint"]
    assert shlex.split(result["next"]["evaluate"]) == ["crbl-evaluate", str(pth), "--data", "TEST_IMAGES"]


def test_every_metric_has_its_interval_and_travels_with_the_checkpoint_without_folders(crop_run, grain_folder):
    out, text = crop_run
    provenance = load_checkpoint(next(out.glob("*.pth"))).provenance
    metrics = provenance["validation"]
    for name, (low, high) in metrics["intervals"].items():
        assert low <= metrics[name] <= high
        assert f"{metrics[name]:.4f}   {low:.4f} to {high:.4f}" in text
    assert provenance["leakage"] == {"identical": 0, "near_identical": 0, "two_labels": 0}
    assert str(grain_folder) not in json.dumps(provenance)


def test_output_tells_what_is_trained_where_and_what_comes_next(crop_run):
    out, text = crop_run
    assert "Device: cpu, CPU" in text
    assert "16 training images: 8 normal, 8 anomalous" in text
    assert "Training 8,139,833 parameters (crop) for up to 1 epoch\n" in text
    assert (
        "Recipe recommended: learning rate 0.0005, the best epoch is that with the best AUROC on the validation" in text
    )
    assert "Best epoch 1, chosen by AUROC on the 8 validation images, on which:\n" in text
    consequences = json.loads((out / "metrics.json").read_text())["consequences"]
    assert (consequences["defect_rate"], consequences["costs"]) == (0.5, None)
    assert "  Of 1,000 images with a defect rate of 0.5 (as among these images; --defect-rate sets another):\n" in text
    assert f"Next: crbl-export --variant crop --checkpoint {shlex.quote(str(next(out.glob('*.pth'))))}\n" in text
    assert f"Report: {out / 'report.html'}\n" in text


def test_training_goes_on_from_a_checkpoint_with_its_preprocessing(crop_run, grain_folder, tmp_path):
    choice = {"rule": "f1", "threshold": 0.3, "interval": [0.2, 0.4], "images": 8, "data_hash": "0123"}
    trained = load_checkpoint(next(crop_run[0].glob("*.safetensors")))
    chosen = replace(trained, threshold=0.3, threshold_source="f1 on 8 validation images")
    provenance = trained.provenance | {"threshold_choice": choice}
    calibration = Calibration("platt", slope=1.5, intercept=-2.0, images=40, anomalies=12, data_hash="")
    calibrated = replace(chosen, provenance=provenance, calibration=calibration)
    start = save_checkpoint(calibrated, tmp_path / "start.pth")[1]
    options = ("--epochs", 1, "--batch-size", 8, "--device", "cpu", "--lr", 1e-9, "--augment", "none")
    data = ("--data", grain_folder / "train", "--from-checkpoint", start, "--out", tmp_path / "out")
    answer = crbl_train("--variant", "crop", *data, *options)
    assert answer.returncode == 0, answer.stderr
    before, after = load_checkpoint(start), load_checkpoint(next(tmp_path.glob("out/*.safetensors")))
    assert after.preprocessing == before.preprocessing
    assert after.provenance["weights"] == f"checkpoint {before.hash[:12]}"
    difference = (after.state["classifier.weight"] - before.state["classifier.weight"]).abs().max()
    assert 0 < difference < 1e-7
    assert after.provenance["validation_source"] == "20% of train, set aside with seed 0"
    assert after.threshold == 0.3
    assert after.threshold_source == f"kept from checkpoint {before.hash[:12]}: f1 on 8 validation images"
    assert after.provenance["threshold_choice"] == choice
    assert after.calibration is None
    note = f"That of checkpoint {before.hash[:12]} was dropped, because the weights have changed."
    assert f"No calibration: {note}" in answer.stdout
    assert after.provenance["calibration_note"].startswith(note)


@pytest.fixture
def flawed_folder(grain_folder: Path, tmp_path: Path) -> Path:
    """The images of `grain_folder`; two cannot be read, one of validation is in the training set, and there is junk."""
    data = Path(shutil.copytree(grain_folder, tmp_path / "data"))
    for path in (sorted(data.rglob("train/class_0/*.png"))[0], sorted(data.rglob("images/validation/*_clean.png"))[0]):
        path.write_bytes(path.read_bytes()[:500])
    leaked = sorted(data.rglob("images/validation/*_clean.png"))[1]
    shutil.copy(leaked, data / "train" / "class_0" / "leaked.png")
    (data / "train" / "class_0" / ".thumbnails").mkdir()
    shutil.copy(leaked, data / "train" / "class_0" / ".thumbnails" / "leaked.png")
    (data / "train" / "class_1" / "._leaked.png").write_bytes(b"no image")
    return data


def test_bad_images_are_skipped_and_leakage_is_reported_and_the_threshold_is_stored(flawed_folder, tmp_path):
    out = tmp_path / "out"
    data = ("--data", flawed_folder / "train", "--val", flawed_folder / "validation.csv", "--out", out)
    answer = crbl_train(
        "--variant", "full", *data, "--skip-bad", "--threshold", "recall=0.75", "--recipe", "original", *QUICK
    )
    assert answer.returncode == 0, answer.stderr
    text = answer.stdout
    metrics = json.loads((out / "metrics.json").read_text())
    assert [len(metrics["skipped"][name]) for name in ("training", "validation")] == [1, 1]
    assert metrics["skipped"]["training"][0] in text
    assert "1 training image was left out, since it cannot be used:" in text
    train = flawed_folder / "train"
    assert f"Left out of {train / 'class_0'}: 1 hidden or system folder with 1 file (.thumbnails)\n" in text
    assert f"Left out of {train / 'class_1'}: 1 hidden file (._leaked.png)\n" in text
    assert (metrics["train_images"], metrics["validation_images"]) == (16, 7)
    (pair,) = metrics["leakage"]["identical"]
    assert (Path(pair["training"]).name, pair["same_label"]) == ("leaked.png", True)
    assert "Leakage: 1 validation image is also in the training set" in text
    data = FilledPage.read(out / "report.html").data["data"]
    assert [data[name]["skipped"] for name in ("training", "validation")] == list(metrics["skipped"].values())
    assert [line for line in text.splitlines() if line.startswith("Left out of ")] == data["left_out"]
    (shown,) = data["duplicates"]["pairs"]
    assert (shown["training"], shown["validation"]) == (pair["training"], pair["validation"])

    checkpoint = load_checkpoint(next(out.glob("*.pth")))
    recipe = checkpoint.provenance["recipe"]
    assert checkpoint.provenance["recipe_name"] == "original"
    assert (recipe["learning_rate"], recipe["best_by"]) == (1e-4, "loss")
    choice = checkpoint.provenance["threshold_choice"]
    assert checkpoint.threshold == choice["threshold"] == metrics["validation"]["threshold"]
    assert metrics["validation"]["recall"] >= 0.75
    used = [image for image in read_labelled(flawed_folder / "validation.csv") if _is_whole(image.path)]
    assert (choice["rule"], choice["images"], choice["data_hash"]) == ("recall=0.75", 7, data_hash(used))
    low, high = choice["interval"]
    assert low <= choice["threshold"] <= high
    assert checkpoint.threshold_source.startswith("recall=0.75 on 7 validation images (95 % interval ")
    assert checkpoint.threshold_source in text
    assert (checkpoint.provenance["images_skipped"], checkpoint.provenance["leakage"]["identical"]) == (2, 1)
    assert str(flawed_folder) not in json.dumps(checkpoint.provenance)


def _is_whole(path: Path) -> bool:
    return path.stat().st_size > 500


def test_full_variant_trains_its_head_by_its_own_recipe_and_chooses_a_threshold_by_costs(grain_folder, tmp_path):
    data = ("--data", grain_folder / "train", "--val", grain_folder / "validation.csv")
    costs = ("--threshold", "cost=20:0.5", "--defect-rate", 0.02)
    answer = crbl_train(
        "--variant", "full", *data, "--out", tmp_path, *QUICK, "--head-start", "random", *costs, "--tensorboard"
    )
    assert answer.returncode == 0, answer.stderr
    checkpoint = load_checkpoint(next(tmp_path.glob("CRBL_*_pytorch_directml_full.safetensors")), "full")
    assert checkpoint.preprocessing.region == "border"
    recipe, choice = checkpoint.provenance["recipe"], checkpoint.provenance["threshold_choice"]
    assert (recipe["learning_rate"], recipe["best_by"]) == (1e-2, "auroc")
    assert "Best epoch 1, chosen by AUROC on the 8 validation images, on which:" in answer.stdout
    assert (choice["rule"], choice["defect_rate"], choice["threshold"]) == ("cost=20:0.5", 0.02, checkpoint.threshold)
    assert checkpoint.threshold_source.startswith("cost=20:0.5 at a defect rate of 0.02 on 8 validation images (95 %")
    consequences = json.loads((tmp_path / "metrics.json").read_text())["consequences"]
    assert (consequences["defect_rate"], consequences["origin"]) == (0.02, "--defect-rate")
    assert consequences["costs"] == {"missed_anomaly": 20, "false_alarm": 0.5}
    this, *others = consequences["thresholds"]
    assert this["threshold"] == checkpoint.threshold
    assert this["cost"] <= min(other["cost"] for other in others)
    assert "  Of 1,000 images with a defect rate of 0.02 (--defect-rate):\n" in answer.stdout
    assert "Training 1,638,401 parameters (full)" in answer.stdout
    assert list((tmp_path / "tensorboard").glob("events.*"))


def test_a_solved_head_without_epochs_is_a_whole_run(grain_folder, tmp_path):
    out = tmp_path / "out"
    data = ("--data", grain_folder / "train", "--val", grain_folder / "validation.csv", "--out", out)
    options = (*QUICK, "--epochs", 0, "--head-start", "solved", "--tensorboard")
    answer = crbl_train("--variant", "full", *data, *options)
    assert answer.returncode == 0, answer.stderr
    assert "Solving the head (full); no epochs follow" in answer.stdout
    assert "Head solved on 16 training images; C by 5-fold cross-validation, AUROC of each fold:" in answer.stdout
    assert "Best epoch 0 (the solved head), chosen by AUROC" in answer.stdout
    metrics = json.loads((out / "metrics.json").read_text())
    solved = metrics["solved_head"]
    assert len(solved["cross_validation"]) == 11
    assert solved["C"] in {tried["C"] for tried in solved["cross_validation"]}
    assert solved["largest_logit_difference"] < 1e-4
    checkpoint = load_checkpoint(out / metrics["checkpoint"], "full")
    assert checkpoint.provenance["solved_head"] == solved
    assert not checkpoint.state["classifier.bias"].any()
    assert checkpoint.threshold_source.startswith("f1 on ")
    assert (checkpoint.provenance["best_epoch"], checkpoint.provenance["recipe"]["head_start"]) == (0, "solved")
    assert (out / "history.csv").read_text().splitlines()[1].startswith("0,0,")
    assert cv2.imread(str(out / "curves.png")) is not None
    assert list((out / "tensorboard").iterdir())
    assert not (out / "training_state.safetensors").exists()
    report = FilledPage.read(out / "report.html").data
    assert [epoch["number"] for epoch in report["epochs"]] == [0]
    assert report["solved_head"] == solved
    assert report["data"]["augmentation"] == {"name": "none", "views": []}


def test_a_report_that_cannot_be_written_does_not_end_the_training(grain_folder, tmp_path, monkeypatch):
    def with_a_folder_in_its_place(path: Path, content: str) -> None:
        path.mkdir(parents=True, exist_ok=True)
        write_text(path, content)

    monkeypatch.setattr(report_file, "write_text", with_a_folder_in_its_place)
    out = tmp_path / "out"
    data = ("--data", grain_folder / "train", "--val", grain_folder / "validation.csv", "--out", out)
    answer = crbl_train("--variant", "full", *data, *QUICK, "--head-start", "random")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.count("The report is not written, and all else goes on. ") == 1
    assert "Report: " not in answer.stdout
    report = json.loads((out / "metrics.json").read_text())["report"]
    assert report["problem"].startswith(f"{out / 'report.html'} cannot be written")
    assert list(out.glob("CRBL_*.safetensors"))


def test_33_images_at_the_smallest_size_are_calibrated_and_options_change_the_preprocessing(tmp_path):
    # Feature maps are single cells at 32 px, where a batch of one image has no variance.
    from crbl_training.data.grains import make_grain

    for number in range(41):
        path = tmp_path / f"class_{number % 2}" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        twelve_bits = np.rint(make_grain(number % 6, None).pixels / 255 * 4095).astype(np.uint16)
        assert cv2.imwrite(str(path), twelve_bits)
    options = ("--region", "whole", "--imagenet-normalization", "--batch-size", 16, "--seed", 2**62)
    refused = crbl_train("--variant", "full", "--data", tmp_path, *QUICK, "--out", tmp_path / "out", *options)
    assert (refused.returncode, (tmp_path / "out").exists()) == (4, False)
    assert "33 images have 16 bits a sample and stay below 16384" in refused.stderr
    assert "--bit-depth" in refused.stderr
    options += ("--bit-depth", 12)
    answer = crbl_train("--variant", "full", "--data", tmp_path, *QUICK, "--out", tmp_path / "out", *options)
    assert answer.returncode == 0, answer.stderr
    checkpoint = load_checkpoint(next(tmp_path.glob("out/*.pth")))
    assert checkpoint.provenance["train_images"] == 33
    spec = checkpoint.preprocessing
    assert (spec.image_size, spec.region, spec.mean[0], spec.std[2]) == (32, "whole", 0.485, 0.225)
    assert spec.bit_depth == 12


def test_show_augment_writes_a_sheet_and_trains_nothing(grain_folder, tmp_path):
    sheet, out = tmp_path / "sheets" / "augmented.png", tmp_path / "out"
    options = ("--variant", "crop", "--data", grain_folder / "train", "--out", out, "--show-augment", sheet)
    answer = crbl_train(*options, "--augment", "strong")
    assert cv2.imread(str(sheet)) is not None
    assert not out.exists()
    assert str(sheet) in answer.stdout
    assert " = normal" not in answer.stdout
    named = Path(shutil.copytree(grain_folder / "train", tmp_path / "named"))
    for name, own in (("class_0", "OK"), ("class_1", "NG")):
        (named / name).rename(named / own)
    told = crbl_train("--variant", "crop", "--data", named, "--out", out, "--show-augment", sheet)
    assert told.stdout.startswith("named: OK = normal, NG = anomaly\n")
    refused = crbl_train(*options, "--augment", "none")
    assert refused.returncode == 2
    assert "nothing to show with --augment none" in refused.stderr


# Refusals, with exit codes


def test_outputs_that_cannot_be_written_end_with_3_before_any_image_is_read(grain_folder, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "out" / "fold_2" / "metrics.json").mkdir(parents=True)
    for path, options in [
        (tmp_path / "file" / "runs", ["--out", tmp_path / "file" / "runs"]),
        (tmp_path / "file" / "a.png", ["--show-augment", tmp_path / "file" / "a.png"]),
        (tmp_path / "out" / "fold_2" / "metrics.json", ["--out", tmp_path / "out", "--folds", 2]),
    ]:
        answer = crbl_train("--variant", "crop", "--data", grain_folder / "train", *options, *QUICK)
        assert (answer.returncode, answer.stdout) == (3, "")
        assert f"{path}" in answer.stderr
        assert "cannot be written" in answer.stderr
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "fold_2", "metrics.json", "out"]


def test_wrong_variant_is_a_usage_error_that_names_the_two(grain_folder, tmp_path):
    answer = crbl_train("--variant", "Crop", "--data", grain_folder / "train", "--out", tmp_path / "out", *QUICK)
    assert answer.returncode == 2
    assert "Crop" in answer.stderr
    assert re.search(r"crop.*full", answer.stderr)
    assert not (tmp_path / "out").exists()


def test_missing_class_ends_with_4(grain_folder, tmp_path):
    data = grain_folder / "train" / "class_0"
    table = tmp_path / "normal only.csv"
    table.write_text("image_path,impurity\n" + "".join(f"{path},0\n" for path in data.iterdir()))
    answer = crbl_train("--variant", "crop", "--data", table, "--out", tmp_path / "out", *QUICK)
    assert answer.returncode == 4
    assert "normal only.csv" in answer.stderr
    assert "none that is anomaly (class_1)" in answer.stderr
    assert not (tmp_path / "out").exists()


def test_unreadable_images_end_with_4_before_the_first_epoch_and_leave_nothing(grain_folder, tmp_path):
    data = Path(shutil.copytree(grain_folder / "train", tmp_path / "data"))
    broken = sorted(data.rglob("*_clean.png"))[:3]
    for path in broken:
        path.write_bytes(path.read_bytes()[:500])
    answer = crbl_train(
        "--variant", "crop", "--data", data, "--val", grain_folder / "validation.csv",
        "--out", tmp_path / "out", *QUICK,
    )  # fmt: skip
    assert answer.returncode == 4
    assert "3 of 16 training images cannot be used" in answer.stderr
    assert all(str(path) in answer.stderr for path in broken)
    assert "Epoch" not in answer.stdout
    assert not (tmp_path / "out").exists()


def test_leakage_ends_with_4_before_the_first_epoch_where_it_is_not_to_be(grain_folder, tmp_path):
    validation = grain_folder / "train"
    options = ("--val", validation, "--fail-on-leakage", "--out", tmp_path / "out", *QUICK)
    answer = crbl_train("--variant", "crop", "--data", grain_folder / "train", *options)
    assert answer.returncode == 4
    assert "16 validation images are also in the training set" in answer.stderr
    assert all(str(path) in answer.stderr for path in validation.rglob("*.png"))
    assert "Epoch" not in answer.stdout
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows may well have a DirectML device")
def test_directml_where_there_is_none_ends_with_3_and_the_reason(grain_folder, tmp_path):
    device = ("--device", "directml", "--out", tmp_path / "out")
    answer = crbl_train("--variant", "crop", "--data", grain_folder / "train", "--weights", "none", *device)
    assert answer.returncode == 3
    assert "directml: " in answer.stderr
    assert "--device auto" in answer.stderr
    assert not (tmp_path / "out").exists()


def train_on_directml(grain_folder: Path, out: Path, *more: str) -> CompletedProcess[str]:
    data = ("--data", grain_folder / "train", "--val", grain_folder / "validation.csv", "--out", out)
    return crbl_train("--variant", "full", *data, *QUICK, "--device", "directml", *more)


@pytest.fixture
def found_without_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves out the process that tries the driver, which a test of its own and test_device.py start."""
    monkeypatch.setattr(device, "_probe_directml", lambda device_index, tiled_resources: "Radeon One")


def assert_trained(answer: CompletedProcess[str], out: Path, check: str, sentence: str) -> None:
    assert answer.returncode == 0, answer.stderr
    assert "Device: directml, Radeon One" in answer.stdout
    assert re.search(rf"Device check: .*{sentence}[^\0]*Epoch +1 ", answer.stdout)
    assert json.loads((out / "metrics.json").read_text())["device_check"] == check


def test_a_directml_driver_is_compared_with_the_cpu_before_the_first_epoch(
    grain_folder, tmp_path, install_torch_directml
):
    install_torch_directml(WORKING)
    assert_trained(train_on_directml(grain_folder, tmp_path), tmp_path, "passed", "gives what the CPU gives")


@pytest.mark.usefixtures("found_without_a_process")
def test_the_comparison_with_the_cpu_is_left_out_where_asked_for(grain_folder, tmp_path, install_torch_directml):
    install_torch_directml(WORKING)
    assert_trained(train_on_directml(grain_folder, tmp_path, "--skip-device-check"), tmp_path, "skipped", "skipped")


@pytest.mark.usefixtures("found_without_a_process")
def test_tiled_resources_are_disabled_before_the_check_where_asked_for(grain_folder, tmp_path, install_torch_directml):
    install_torch_directml(WRONG_WITH_TILED_RESOURCES)
    answer = train_on_directml(grain_folder, tmp_path, "--no-tiled-resources")
    assert_trained(answer, tmp_path, "passed", "gives what the CPU gives")
    assert "Device: directml, Radeon One, without tiled resources\n" in answer.stdout
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["device"] == "directml: Radeon One, without tiled resources"


@pytest.mark.usefixtures("found_without_a_process")
def test_a_directml_driver_that_cannot_train_ends_with_3_and_leaves_nothing(
    grain_folder, tmp_path, install_torch_directml
):
    install_torch_directml(BREAKS_IN_TRAINING)
    answer = train_on_directml(grain_folder, tmp_path / "out")
    assert answer.returncode == 3
    assert "cannot run a training step" in answer.stderr
    assert "--skip-device-check" in answer.stderr
    assert "--no-tiled-resources" in answer.stderr
    assert "Epoch" not in answer.stdout
    assert not (tmp_path / "out").exists()


def test_unknown_weights_end_with_2(grain_folder, tmp_path):
    options = ("--weights", "nowhere.pth", "--image-size", 64, "--device", "cpu", "--out", tmp_path / "out")
    answer = crbl_train("--variant", "crop", "--data", grain_folder / "train", *options)
    assert answer.returncode == 2
    assert "--weights nowhere.pth: no such file. Expected imagenet, noisy-student, none" in answer.stderr
    assert not (tmp_path / "out").exists()


def test_options_that_do_not_go_together_are_usage_errors(crop_run, grain_folder, tmp_path):
    start = next(crop_run[0].glob("*.pth"))
    data = ("--data", grain_folder / "train", "--out", tmp_path / "out", "--device", "cpu")
    (tmp_path / "file").touch()
    for options, message in (
        (("--from-checkpoint", start, "--weights", "none"), "--weights and --from-checkpoint both name"),
        (["--weights", "none"] * 3, "--weights was given 3 times"),
        (("--image-size", 31), "image_size is 31, expected a whole number of pixels from 32"),
        (("--no-tiled-resources",), "--no-tiled-resources is for DirectML only, and --device is cpu"),
        (("--batch-size", 1), "The batch size is 1, expected at least 2"),
        (("--weights", "none", "--out", tmp_path / "file"), "file is a file, expected a folder"),
        (("--recipe", "best"), "'best' is not one of 'recommended', 'original'"),
        (("--best-by", "accuracy"), "'accuracy' is not one of 'loss', 'auroc', 'average-precision'"),
        (("--threshold", "cost=0:1"), "the cost of a missed anomaly is 0, expected a positive number"),
        (("--threshold", "cost=1:-1"), "the cost of a false alarm is -1, expected a positive number"),
        (("--threshold", "cost=1e9:1"), "further apart than 1 to 1,000,000"),
        *(
            (("--defect-rate", rate), "expected the share of anomalies, over 0 and under 1")
            for rate in (0, 1, -1, "nan")
        ),
    ):
        answer = crbl_train("--variant", "crop", *data, *options)
        assert answer.returncode == 2, options
        assert message in answer.stderr
    assert not (tmp_path / "out").exists()


def test_checkpoints_that_do_not_fit_are_refused_by_name(crop_run, grain_folder, tmp_path):
    start = next(crop_run[0].glob("*.pth"))
    data = ("--data", grain_folder / "train", "--out", tmp_path / "out", "--device", "cpu")
    other_variant = crbl_train("--variant", "full", *data, "--from-checkpoint", start)
    assert "checkpoint of the variant crop, but full was asked for" in other_variant.stderr

    checkpoint = load_checkpoint(start)
    del checkpoint.state["classifier.bias"]
    damaged = save_checkpoint(checkpoint, tmp_path / "damaged.pth")[1]
    other_tensors = crbl_train("--variant", "crop", *data, "--from-checkpoint", damaged)
    assert "classifier.bias is missing" in other_tensors.stderr
    assert (other_variant.returncode, other_tensors.returncode) == (2, 2)
    assert not (tmp_path / "out").exists()


def test_mixed_precision_without_cuda_ends_with_3_and_the_reason(grain_folder, tmp_path):
    answer = crbl_train("--variant", "crop", "--data", grain_folder / "train", "--out", tmp_path, *QUICK, "--amp")
    assert answer.returncode == 3
    assert "--amp needs CUDA, the device is cpu: it is slower than float32 there" in answer.stderr
