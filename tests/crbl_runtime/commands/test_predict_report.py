"""crbl-predict --report: the page holds what the command prints, and is written whatever happens to the images."""

import base64
import json
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from crbl_runtime.report import size
from crbl_runtime.report.picture import picture_of_file
from filled_page import FilledPage
from public_commands import Trained, run_command


@pytest.fixture
def folder(photographs: Path, tmp_path: Path) -> Path:
    """Four photographs in two folders, one file that is cut short, and one that is no image."""
    folder = tmp_path / "images"
    for name, place in (("coffee_3", "곡물"), ("rocket_3", "곡물"), ("brick_3", "b"), ("retina_3", "b")):
        (folder / place).mkdir(parents=True, exist_ok=True)
        shutil.copy(photographs / f"{name}.png", folder / place)
    (folder / "cut.png").write_bytes((photographs / "coffee_0.png").read_bytes()[:3000])
    (folder / "empty.png").write_bytes(b"")
    return folder


def test_the_page_holds_what_is_printed(crop: Trained, full: Trained, folder: Path, tmp_path: Path) -> None:
    asked = (full.model, crop.model, folder, "--provider", "cpu", "--workers", 1)
    told = run_command("crbl-predict", *asked, "--json", "--report", tmp_path / "report", "--threshold", "full=0.25")
    assert told.returncode == 4
    page = FilledPage.read(tmp_path / "report" / "report.html")
    results, data = json.loads(told.stdout), page.data
    assert [data["folder"] + path for path in data["paths"]] == [result["path"] for result in results]
    assert data["folder"] == f"{folder}/".replace("/", "\\" if sys.platform == "win32" else "/")
    assert data["errors"] == {str(n): each["error"] for n, each in enumerate(results) if "error" in each}
    assert len(data["errors"]) == 2
    assert (data["labels"], data["kinds"]) == (None, None)
    for number, model in enumerate(data["models"]):
        predictions = [each["models"][number] if "models" in each else None for each in results]
        assert model["variant"] == ("full", "crop")[number]
        for key, name in (("probabilities", "probability"), ("logits", "logit"), ("boxes", "box")):
            assert model[key] == [each and each[name] for each in predictions]
        shape = (len(results), model["heatmap"]["rows"], model["heatmap"]["columns"])
        cells = np.frombuffer(base64.b64decode(model["heatmap"]["cells"]), "<f4").reshape(shape)
        for index, prediction in enumerate(predictions):
            assert np.array_equal(cells[index], prediction["heatmap"] if prediction else np.zeros(shape[1:]))
    assert (data["models"][0]["threshold"], data["models"][0]["thresholdSource"]) == (0.25, "given with --threshold")
    assert data["models"][1]["threshold"] == results[0]["models"][1]["threshold"]


def test_each_picture_is_the_image_reduced(crop: Trained, folder: Path, tmp_path: Path) -> None:
    large = np.zeros((400, 1000, 3), np.uint8)
    large[:, 500:] = (30, 60, 200)
    assert cv2.imwrite(str(folder / "wide.png"), large)
    run_command("crbl-predict", crop.model, folder, "--report", tmp_path)
    page = FilledPage.read(tmp_path / "report.html")
    found = dict(zip(page.data["paths"], page.data["pictures"], strict=True))
    assert [found["cut.png"], found["empty.png"]] == [-1, -1]
    assert sorted(number for number in found.values() if number >= 0) == list(range(len(page.pictures)))
    picture = cv2.imdecode(np.frombuffer(page.pictures[found["wide.png"]], np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (64, 160, 3)
    assert np.abs(picture[:, 90:].astype(int) - (30, 60, 200)).max() < 12
    assert page.data["sizes"][page.data["paths"].index("wide.png")] == [1000, 400]
    assert page.data["sizes"][page.data["paths"].index("cut.png")] == [0, 0]


def test_the_size_is_that_of_the_whole_image_where_a_draft_was_decoded(tmp_path: Path) -> None:
    Image.new("RGB", (2560, 1600), "red").save(tmp_path / "large.jpg")
    picture = picture_of_file(tmp_path / "large.jpg", None)
    assert picture.size == (2560, 1600)
    assert cv2.imdecode(np.frombuffer(picture.webp, np.uint8), cv2.IMREAD_COLOR).shape == (100, 160, 3)


def test_the_marks_of_a_page_outlive_another_model(crop: Trained, full: Trained, folder: Path, tmp_path: Path) -> None:
    ids = []
    for model, images in ((crop.model, folder), (full.model, folder), (full.model, folder / "b")):
        run_command("crbl-predict", model, images, "--report", tmp_path)
        ids.append(FilledPage.read(tmp_path / "report.html").data["id"])
    assert ids[0] == ids[1] != ids[2]


def test_a_report_that_cannot_be_is_refused_before_an_image_is_predicted(
    crop: Trained, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    refused = run_command("crbl-predict", crop.model, folder, "--report", tmp_path / "file")
    assert refused.returncode == 3
    assert "is a file and no folder" in refused.stderr
    assert refused.stdout == ""
    monkeypatch.setattr(size, "MOST_IMAGES", 5)
    refused = run_command("crbl-predict", crop.model, folder, "--report", tmp_path / "many")
    assert refused.returncode == 2
    assert "--report shows at most 5 images, and these are 6" in refused.stderr
    assert not (tmp_path / "many").exists()
