"""The demo's models decide here as on the Linux machine that made them."""

import csv
import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crbl_runtime import Detector
from crbl_runtime.preprocessing import prepare
from public_commands import Trained, run_in_own_process

# What two builds of onnxruntime may differ by: the limit for converted weights, see docs/parity.md.
LARGEST_DIFFERENCE = 2e-4


@pytest.fixture(scope="module")
def on_linux(pytestconfig: pytest.Config) -> dict[str, Any]:
    """What linux_predictions.py wrote."""
    models = pytestconfig.getoption("--models")
    path = models / "linux_predictions.json" if models else None
    if path is None or not path.is_file():
        pytest.skip("linux_predictions.json is not there: run_tests.sh makes it, beside the models")
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return values


@pytest.fixture(scope="module")
def images(grains: Path) -> Path:
    return grains / "images" / "test"


@pytest.fixture(scope="module", params=["crop", "full"])
def detector(request: pytest.FixtureRequest) -> Iterator[Detector]:
    exported: Trained = request.getfixturevalue(request.param)
    with Detector(exported.model, "cpu") as detector:
        yield detector


def test_every_image_is_prepared_to_the_same_pixels_and_decided_alike(
    detector: Detector, on_linux: dict[str, Any], images: Path
) -> None:
    expected = on_linux[detector.contract.variant]
    assert len(expected) == 24
    for name, values in expected.items():
        prepared = prepare(images / name, detector.preprocessing)
        assert hashlib.sha256(prepared.pixels.tobytes()).hexdigest() == values["prepared"]
        (prediction,) = detector.predict_prepared([prepared])
        assert abs(prediction.logit - values["logit"]) <= LARGEST_DIFFERENCE
        assert prediction.is_anomaly == values["is_anomaly"]


def test_crbl_predict_gives_the_same_table_for_a_folder_with_hangul_names(
    crop: Trained, full: Trained, on_linux: dict[str, Any], images: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(images, tmp_path / "새 사진"))
    models = [shutil.copy(crop.model, tmp_path / "자르기.onnx"), shutil.copy(full.model, tmp_path / "전체.onnx")]
    for path in sorted(folder.iterdir()):
        path.rename(folder / f"낱알 {path.name}")
    table = tmp_path / "결과.csv"
    predicted = run_in_own_process("crbl-predict", *models, folder, "--provider", "cpu", "--csv", table)
    assert predicted.returncode == 0, predicted.stderr
    content = table.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf"), "without it a spreadsheet takes UTF-8 for the ANSI code page"
    rows = list(csv.DictReader(content.decode("utf-8-sig").splitlines()))
    assert [Path(row["path"]).name for row in rows] == [f"낱알 {name}" for name in sorted(on_linux["crop"])]
    for row in rows:
        name = Path(row["path"]).name.removeprefix("낱알 ")
        expected = on_linux["crop"][name]["is_anomaly"] or on_linux["full"][name]["is_anomaly"]
        assert row["is_anomaly"] == str(int(expected))


@pytest.mark.parametrize("variant", ["crop", "full"])
def test_crbl_verify_repeats_the_proof(variant: str, grains: Path, request: pytest.FixtureRequest) -> None:
    model = request.getfixturevalue(variant).model
    report = model.with_suffix(".parity.json")
    result = run_in_own_process("crbl-verify", model, report, grains / "images" / "validation", "--provider", "cpu")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "decoded to other pixels          0\n" in result.stdout
    assert "prepared to other pixels         0\n" in result.stdout
    assert "PASSED" in result.stdout
