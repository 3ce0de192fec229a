"""crbl-evaluate --report: the page holds the very numbers that the metrics were computed from."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from crbl_runtime.detector import Detector
from crbl_training.checkpoint import load_checkpoint
from filled_page import FilledPage
from public_commands import Trained, run_command

pytestmark = pytest.mark.usefixtures("few_resamples")


@pytest.fixture(scope="module")
def pages(crop: Trained, grains: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, FilledPage]]:
    """The metrics and the page of the test images, by the kind of model."""
    pages = {}
    for kind, model in (("checkpoint", crop.checkpoint), ("file", crop.model)):
        folder = tmp_path_factory.mktemp("report")
        options = ("--defect-rate", 0.02, "--threshold", "cost=20:1", "--device", "cpu", "--json")
        told = run_command("crbl-evaluate", model, "--data", grains / "test.csv", "--report", folder, *options)
        assert told.returncode == 0, told.stderr
        pages[kind] = (json.loads(told.stdout), FilledPage.read(folder / "report.html"))
    return pages


def cells(model: dict[str, Any]) -> NDArray[np.float32]:
    found = np.frombuffer(base64.b64decode(model["heatmap"]["cells"]), "<f4")
    return found.reshape(len(model["logits"]), model["heatmap"]["rows"], model["heatmap"]["columns"])


@pytest.mark.parametrize("kind", ["checkpoint", "file"])
def test_the_decisions_on_the_page_are_those_of_the_metrics(
    pages: dict[str, tuple[Any, FilledPage]], kind: str
) -> None:
    metrics, page = pages[kind]
    (model,) = page.data["models"]
    truth = np.array(page.data["labels"])
    called = np.array(model["probabilities"]) > model["threshold"]
    measured = metrics["evaluation"]
    assert (called & (truth == 1)).sum() == measured["true_anomaly"]
    assert (called & (truth == 0)).sum() == measured["false_alarm"]
    assert model["threshold"] == measured["threshold"]
    assert model["thresholdSource"] == metrics["threshold_source"]
    assert (page.data["defectRate"], page.data["costs"]) == (0.02, {"missedAnomaly": 20, "falseAlarm": 1})
    assert "The threshold was chosen on these very images: at it, expect less of others." in page.data["remarks"]
    assert page.data["pictures"] == list(range(24)) == list(range(len(page.pictures)))


def test_a_checkpoint_and_its_file_are_shown_alike(
    pages: dict[str, tuple[Any, FilledPage]], crop: Trained, grains: Path
) -> None:
    with Detector(crop.model, "cpu") as detector:
        assert detector.contract.parity is not None
        allowed = detector.contract.parity["limit"]
    of_checkpoint, of_file = (pages[kind][1].data["models"][0] for kind in ("checkpoint", "file"))
    assert of_checkpoint["boxes"] == of_file["boxes"]
    assert of_checkpoint["regionMissing"] == of_file["regionMissing"]
    assert np.allclose(of_checkpoint["logits"], of_file["logits"], rtol=0, atol=allowed)
    # The cells of either add up to its logit less the bias.
    bias = float(load_checkpoint(crop.checkpoint).build_model().classifier.bias.detach())
    for model in (of_checkpoint, of_file):
        sums = cells(model).astype(np.float64).sum(axis=(1, 2))
        assert np.allclose(sums + bias, model["logits"], rtol=0, atol=allowed)
    assert np.abs(cells(of_checkpoint)).max() > 0.01


def test_images_that_cannot_be_read_are_shown_as_such_with_their_label_and_kind(
    crop: Trained, grains: Path, tmp_path: Path
) -> None:
    names = sorted((grains / "images" / "test").iterdir())[:6]
    rows = [f"{name},{number % 2},{'scratch' if number % 2 else ''}" for number, name in enumerate(names)]
    (tmp_path / "cut.png").write_bytes(names[0].read_bytes()[:500])
    rows.insert(2, f"{tmp_path / 'cut.png'},1,dent")
    (tmp_path / "images.csv").write_text("\n".join(["image_path,impurity,kind", *rows]))
    told = run_command(
        "crbl-evaluate", crop.model, "--data", tmp_path / "images.csv", "--skip-bad", "--report", tmp_path / "report"
    )
    assert told.returncode == 0, told.stderr
    assert told.stdout.endswith(f"Report: {tmp_path / 'report' / 'report.html'}\n")
    data = FilledPage.read(tmp_path / "report" / "report.html").data
    assert data["labels"] == [0, 1, 0, 1, 0, 1, 1]
    assert data["kinds"] == ["", "scratch", "", "scratch", "", "scratch", "dent"]
    assert data["errors"].keys() == {"6"}
    assert "cut.png" in data["errors"]["6"]
    assert data["models"][0]["logits"][6] is None


def test_a_new_calibration_is_shown(crop: Trained, grains: Path, tmp_path: Path) -> None:
    told = run_command(
        *("crbl-evaluate", crop.checkpoint, "--data", grains / "test.csv", "--calibrate", "temperature"),
        *("--out", tmp_path / "calibrated", "--report", tmp_path / "report", "--json"),
    )
    assert told.returncode == 0, told.stderr
    (model,) = FilledPage.read(tmp_path / "report" / "report.html").data["models"]
    # Held out in folds: nearly those of the calibration itself.
    slope = json.loads(told.stdout)["calibration"]["slope"]
    odds = np.log(model["calibrated"]) - np.log1p(-np.array(model["calibrated"]))
    assert np.corrcoef(odds, slope * np.array(model["logits"]))[0, 1] > 0.9
