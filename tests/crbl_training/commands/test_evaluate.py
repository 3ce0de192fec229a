"""crbl-evaluate: a checkpoint and the file exported from it get the same report, and what cannot be is refused."""

import csv
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import click
import cv2
import numpy as np
import pytest

from crbl_runtime.detector import Detector
from crbl_runtime.errors import DataError, UsageError
from crbl_training.checkpoint import load_checkpoint, save_checkpoint
from crbl_training.commands.evaluate import main
from crbl_training.data.dataset import data_hash, read_labelled
from crbl_training.evaluation.consequences import costs_in
from crbl_training.evaluation.threshold_rule import Costs
from made_torch_directml import WRONG_WITH_TILED_RESOURCES
from public_commands import Trained, run_command

# What the gate allows a model file at least.
TOLERANCE = 1e-4
pytestmark = pytest.mark.usefixtures("few_resamples")


def evaluate_here(*arguments: str | Path) -> None:
    main.main([str(argument) for argument in arguments], "crbl-evaluate", standalone_mode=False)


def read_scores(folder: Path) -> list[dict[str, str]]:
    with (folder / "scores.csv").open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def reports(crop: Trained, grains: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folders that the command wrote for the test images, by the kind of model."""
    folders = {}
    for kind, model in (("checkpoint", crop.checkpoint), ("file", crop.model)):
        folders[kind] = tmp_path_factory.mktemp("evaluation") / kind
        evaluate_here(model, "--data", grains / "test.csv", "--out", folders[kind], "--device", "cpu")
    return folders


def test_the_same_files_are_written_for_both(reports):
    for folder in reports.values():
        names = sorted(path.name for path in folder.iterdir())
        assert names == ["metrics.json", "reliability.png", "scores.csv", "worst_mistakes.png"]
        assert cv2.imread(str(folder / "worst_mistakes.png")) is not None


def test_both_give_every_image_the_same_probability_and_decision(reports, crop, grains):
    of_checkpoint, of_file = read_scores(reports["checkpoint"]), read_scores(reports["file"])
    assert len(of_checkpoint) == len(of_file) == 24
    for one, other in zip(of_checkpoint, of_file, strict=True):
        assert (one["image_path"], one["impurity"]) == (other["image_path"], other["impurity"])
        assert float(one["logit"]) == pytest.approx(float(other["logit"]), abs=TOLERANCE)
        assert float(one["probability"]) == pytest.approx(float(other["probability"]), abs=TOLERANCE / 4)
    with Detector(crop.model, "cpu") as detector:
        predictions = list(detector.predict_many(row["image_path"] for row in of_checkpoint))
        threshold = detector.contract.threshold
    for row, prediction in zip(of_checkpoint, predictions, strict=True):
        assert (float(row["probability"]) > threshold) == prediction.is_anomaly


def test_both_give_the_same_metrics(reports):
    one, other = (json.loads((folder / "metrics.json").read_text()) for folder in reports.values())
    assert one["evaluation"].pop("loss") == pytest.approx(other["evaluation"].pop("loss"), abs=TOLERANCE)
    for name in ("checkpoint_hash", "data_hash", "variant", "threshold_source", "evaluation", "skipped"):
        assert one[name] == other[name], name
    assert "PyTorch, cpu" in one["device"]
    assert other["device"] == "onnxruntime, cpu"


def test_a_checkpoint_is_measured_without_tiled_resources_and_the_report_says_so(
    crop, grains, tmp_path, install_torch_directml, capsys
):
    install_torch_directml(WRONG_WITH_TILED_RESOURCES)
    asked = (crop.checkpoint, "--data", grains / "test.csv", "--device", "directml", "--no-tiled-resources")
    evaluate_here(*asked, "--json")
    assert json.loads(capsys.readouterr().out)["device"] == "PyTorch, directml: Radeon One, without tiled resources"


@pytest.mark.parametrize(
    ("kind", "device", "message"),
    [("checkpoint", "cpu", "--device is cpu. Leave one of them out"), ("model", "auto", "onnxruntime runs. Leave")],
)
def test_tiled_resources_are_not_disabled_where_there_are_none(crop, grains, kind, device, message):
    asked = ("--data", grains / "test.csv", "--device", device, "--no-tiled-resources")
    with pytest.raises(UsageError, match=re.escape(message)):
        evaluate_here(getattr(crop, kind), *asked)


def test_metrics_are_those_of_the_scores(reports, grains):
    metrics = json.loads((reports["file"] / "metrics.json").read_text())
    rows = read_scores(reports["file"])
    measured = metrics["evaluation"]
    truth = np.array([int(row["impurity"]) for row in rows])
    decisions = np.array([float(row["probability"]) > measured["threshold"] for row in rows])
    assert truth.tolist() == [image.label for image in read_labelled(grains / "test.csv")]
    assert measured["false_alarm"] == int(np.sum(decisions & (truth == 0)))
    assert measured["missed_anomaly"] == int(np.sum(~decisions & (truth == 1)))
    assert metrics["data_hash"] == data_hash(read_labelled(grains / "test.csv"))
    assert metrics["known_images"] is None
    assert len(metrics["worst_mistakes"]["false_alarms"]) == min(12, measured["false_alarm"])


def test_table_is_for_people_and_json_for_programs(crop, grains, capsys):
    asked = (crop.model, "--data", grains / "test.csv", "--threshold", 0.5, "--device", "cpu")
    evaluate_here(*asked)
    table = capsys.readouterr().out
    evaluate_here(*asked, "--json")
    values = json.loads(capsys.readouterr().out)
    auroc, (low, high) = values["evaluation"]["auroc"], values["evaluation"]["intervals"]["auroc"]
    assert f"{auroc:8.4f}   {low:.4f} to {high:.4f}" in table
    assert "24 labelled images: 12 normal, 12 anomalous" in table
    assert "Threshold 0.5: given with --threshold" in table
    assert (values["evaluation"]["threshold"], values["threshold_source"]) == (0.5, "given with --threshold")
    assert values["data_reading"] is None


def test_a_rule_chooses_the_threshold_on_the_measured_images_and_that_is_said(crop, grains, tmp_path, capsys):
    asked = (crop.model, "--data", grains / "test.csv", "--device", "cpu", "--defect-rate", 0.02)
    evaluate_here(*asked, "--threshold", "cost=50:1", "--out", tmp_path / "out")
    table = capsys.readouterr().out
    values = json.loads((tmp_path / "out" / "metrics.json").read_text())
    choice, evaluation = values["threshold_choice"], values["evaluation"]
    assert (choice["rule"], choice["defect_rate"], choice["images"]) == ("cost=50:1", 0.02, 24)
    assert choice["threshold"] == evaluation["threshold"]
    assert choice["data_hash"] == values["data_hash"]
    assert values["threshold_source"].startswith("cost=50:1 at a defect rate of 0.02 on 24 labelled images (95 % int")
    this, *others = values["consequences"]["thresholds"]
    assert this["missed_anomalies"] == pytest.approx(1000 * 0.02 * evaluation["missed_anomaly"] / 12)
    assert this["false_alarms"] == pytest.approx(1000 * 0.98 * evaluation["false_alarm"] / 12)
    assert this["cost"] == pytest.approx(min(other["cost"] for other in others))
    assert "Note: The threshold was chosen on these very images" in table
    assert "  Of 1,000 images with a defect rate of 0.02 (--defect-rate):" in table
    evaluate_here(*asked, "--threshold", "keep", "--json")
    kept = json.loads(capsys.readouterr().out)
    assert (kept["threshold_choice"], kept["consequences"]["costs"]) == (None, None)
    assert kept["threshold_source"] == "the default of the variant crop"


def test_costs_that_chose_a_model_s_threshold_are_reckoned_with(crop, grains, tmp_path, capsys):
    trained = load_checkpoint(crop.checkpoint)
    choice = {"rule": "cost=30:2", "defect_rate": 0.01, "threshold": 0.5}
    priced = replace(trained, provenance=trained.provenance | {"threshold_choice": choice})
    path = save_checkpoint(priced, tmp_path / "priced.pth")[1]
    evaluate_here(path, "--data", grains / "test.csv", "--device", "cpu", "--json")
    consequences = json.loads(capsys.readouterr().out)["consequences"]
    assert consequences["costs"] == {"missed_anomaly": 30, "false_alarm": 2}
    assert consequences["defect_rate"] == 0.01
    assert consequences["origin"].startswith("for which the model's threshold was chosen")
    assert consequences["thresholds"][-1]["chosen_by"] == "cost=30:2"


@pytest.mark.parametrize(
    ("choice", "costs"),
    [
        (None, None),
        ({}, None),
        ("cost=2:1", None),
        ({"rule": 3}, None),
        ({"rule": "recall=0.9"}, None),
        ({"rule": "cost of a later age"}, None),
        ({"rule": "cost=2:1"}, Costs(2, 1)),
    ],
)
def test_costs_are_read_from_what_a_model_records(choice, costs):
    assert costs_in({"threshold_choice": choice}) == costs
    assert costs_in({}) is None


@pytest.mark.parametrize("kind", ["checkpoint", "model"])
def test_how_fast_the_prediction_was_is_said(crop, grains, tmp_path, kind, capsys):
    evaluate_here(getattr(crop, kind), "--data", grains / "test.csv", "--device", "cpu", "--out", tmp_path / "out")
    seconds, rate = re.search(r"^24 images in (\d+\.\d) s, (\d+\.\d) images/s$", capsys.readouterr().out, re.M).groups()
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["images_per_second"] == pytest.approx(24 / metrics["prediction_seconds"])
    assert (f"{metrics['prediction_seconds']:.1f}", f"{metrics['images_per_second']:.1f}") == (seconds, rate)


def test_what_was_guessed_of_a_table_is_printed_in_one_line_and_in_json(crop, grains, tmp_path, capsys):
    rows = [
        f"D:\\grains\\{image.path.name};{'NG' if image.label else 'OK'}" for image in read_labelled(grains / "test.csv")
    ]
    table = tmp_path / "parts.csv"
    table.write_text("\n".join(["filename;class", *rows]), encoding="utf-8")
    asked = (crop.model, "--data", table, "--images", grains / "images" / "test", "--device", "cpu")
    line = (
        "parts.csv: read with ';', columns filename and class, OK = normal, NG = anomaly, "
        "24 paths found by the last part"
    )
    evaluate_here(*asked)
    assert f"\n{line}\n24 labelled images: 12 normal, 12 anomalous" in capsys.readouterr().out
    evaluate_here(*asked, "--json")
    values = json.loads(capsys.readouterr().out)
    assert values["data_reading"] == line
    assert values["data_hash"] == data_hash(read_labelled(grains / "test.csv"))


@pytest.mark.parametrize(
    ("name", "warning"), [("train", "trained on these very images"), ("validation.csv", "chose the best epoch")]
)
def test_images_that_the_training_saw_are_said_to_be(crop, grains, name, warning, capsys):
    evaluate_here(crop.checkpoint, "--data", grains / name, "--device", "cpu")
    assert warning in capsys.readouterr().out


def test_bad_images_are_listed_or_skipped(crop, grains, tmp_path, capsys):
    data = Path(shutil.copytree(grains, tmp_path / "data"))
    broken = sorted(data.rglob("images/test/*.png"))[5]
    broken.write_bytes(broken.read_bytes()[:300])
    asked = (crop.model, "--data", data / "test.csv", "--out", tmp_path / "out", "--device", "cpu")
    with pytest.raises(DataError, match=r"1 of 24 labelled images cannot be used(.|\n)*--skip-bad") as refusal:
        evaluate_here(*asked)
    assert str(broken) in str(refusal.value)
    assert not (tmp_path / "out").exists()
    evaluate_here(*asked, "--skip-bad")
    assert str(broken) in capsys.readouterr().out
    (message,) = json.loads((tmp_path / "out" / "metrics.json").read_text())["skipped"]
    assert str(broken) in message
    assert len(read_scores(tmp_path / "out")) == 23


@pytest.mark.parametrize("kind", ["checkpoint", "model"])
def test_16_bit_images_of_unknown_depth_are_said_and_read_by_the_given_one(crop, grains, tmp_path, kind, capsys):
    data = Path(shutil.copytree(grains, tmp_path / "data"))
    images = sorted(data.rglob("images/test/*.png"))
    for path in images:
        pixels = cv2.imread(str(path))
        assert cv2.imwrite(str(path), np.rint(pixels / 255 * 4095).astype(np.uint16))
    asked = (getattr(crop, kind), "--data", data / "test.csv", "--device", "cpu", "--json")
    evaluate_here(*asked)
    assert json.loads(capsys.readouterr().out)["bit_depth_unclear"] == 24
    evaluate_here(*asked[:-1])
    assert "24 images have 16 bits a sample and stay below 16384" in capsys.readouterr().out
    evaluate_here(*asked, "--bit-depth", "12")
    told = json.loads(capsys.readouterr().out)
    evaluate_here(getattr(crop, kind), "--data", grains / "test.csv", "--device", "cpu", "--json")
    assert told["bit_depth_unclear"] == 0
    assert told["evaluation"] == json.loads(capsys.readouterr().out)["evaluation"]


def test_what_of_a_folder_was_left_out_is_said(crop, grains, tmp_path, capsys):
    for label in ("class_0", "class_1"):
        (tmp_path / label).mkdir()
        for path in sorted((grains / "train" / label).iterdir())[:2]:
            shutil.copy(path, tmp_path / label)
    (tmp_path / "class_1" / "notes.txt").touch()
    asked = (crop.model, "--data", tmp_path, "--device", "cpu")
    evaluate_here(*asked)
    assert f"Left out of {tmp_path / 'class_1'}: 1 .txt\n" in capsys.readouterr().out
    evaluate_here(*asked, "--json")
    (counts,) = json.loads(capsys.readouterr().out)["left_out"]
    assert (counts["folder"], counts["other_files_by_suffix"]) == (str(tmp_path / "class_1"), {".txt": 1})


def test_what_is_no_model_is_refused(grains, tmp_path):
    (tmp_path / "model.txt").write_text("x")
    with pytest.raises(UsageError, match=r"model\.txt, expected a name that ends in \.onnx, \.pth or \.safetensors"):
        evaluate_here(tmp_path / "model.txt", "--data", grains / "test.csv")
    with pytest.raises(click.BadParameter, match=r"none\.onnx' does not exist"):
        evaluate_here(tmp_path / "none.onnx", "--data", grains / "test.csv")


def test_a_training_run_keeps_its_metrics(crop, grains):
    run = crop.checkpoint.parent
    before = (run / "metrics.json").read_bytes()
    with pytest.raises(UsageError, match=r"holds a training run, whose metrics\.json would be lost"):
        evaluate_here(crop.checkpoint, "--data", grains / "test.csv", "--out", run)
    with pytest.raises(UsageError, match="is a file, expected a folder"):
        evaluate_here(crop.checkpoint, "--data", grains / "test.csv", "--out", crop.checkpoint)
    assert (run / "metrics.json").read_bytes() == before


def test_results_that_cannot_be_written_are_printed_and_older_ones_stay_whole(crop, grains, tmp_path, monkeypatch):
    asked = ("crbl-evaluate", crop.model, "--data", grains / "test.csv", "--device", "cpu", "--out", tmp_path)
    assert run_command(*asked).returncode == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    rename = Path.replace

    def refuse(self, target):
        """As Windows does while a spreadsheet has the file open."""
        if self == tmp_path / "scores.csv":
            raise PermissionError(13, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    told = run_command(*asked, "--threshold", 0.9)
    assert told.returncode == 3
    assert "Permission denied" in told.stderr
    assert "AUROC" in told.stdout
    assert "Written" not in told.stdout
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_an_output_that_cannot_be_is_refused_before_the_work(crop, grains, tmp_path):
    (tmp_path / "metrics.json").mkdir()
    told = run_command("crbl-evaluate", crop.model, "--data", grains / "test.csv", "--out", tmp_path)
    assert (told.returncode, told.stdout) == (3, "")
    assert "metrics.json cannot be written (a folder of that name is in its place)" in told.stderr


def test_a_model_may_be_named_in_capitals(crop, grains, tmp_path):
    shutil.copy(crop.model, tmp_path / "CROP.ONNX")
    shutil.copy(crop.checkpoint, tmp_path / "CROP.SAFETENSORS")
    shutil.copy(crop.checkpoint.with_suffix(".pth"), tmp_path / "CROP.PTH")
    for name in ("CROP.ONNX", "CROP.SAFETENSORS", "CROP.PTH"):
        told = run_command("crbl-evaluate", tmp_path / name, "--data", grains / "test.csv", "--device", "cpu")
        assert told.returncode == 0, told.stderr


def test_options_that_do_not_fit_are_usage_errors(crop, grains):
    with pytest.raises(UsageError, match=r"has no column 'split'"):
        evaluate_here(crop.model, "--data", grains / "test.csv", "--split", "test")
    for number in (2, -0.1, "nan", "inf"):
        with pytest.raises(
            UsageError, match=r"expected a probability from 0 to 1, or keep, f1, recall=R or cost=FN:FP"
        ):
            evaluate_here(crop.model, "--data", grains / "test.csv", "--threshold", number)
    with pytest.raises(UsageError, match=r"The threshold rule is 'half', expected keep, f1, recall=R"):
        evaluate_here(crop.model, "--data", grains / "test.csv", "--threshold", "half")
    with pytest.raises(UsageError, match=r"--defect-rate is 1, expected the share of anomalies"):
        evaluate_here(crop.model, "--data", grains / "test.csv", "--defect-rate", 1)


def test_missing_class_ends_with_4(crop, grains, tmp_path):
    table = tmp_path / "one class.csv"
    table.write_text("image_path,impurity\n" + f"{next(grains.rglob('*.png'))},1\n")
    answer = run_command("crbl-evaluate", crop.model, "--data", table)
    assert answer.returncode == 4
    assert "none that is normal (class_0)" in answer.stderr
