"""The page of crbl-parity --report: its numbers are the gate's, and it is there when the gate fails."""

import io
import json
import shlex
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from crbl_export.commands import parity
from crbl_export.divergence.describe_node import CAUSES
from crbl_export.model_card.facts import read_model_file
from crbl_export.parity.compare import compare
from crbl_export.parity.compared_images import ComparedImages
from crbl_export.parity.image_set import ImageSet
from crbl_export.parity.limits import Limits
from crbl_export.parity.predictions import FilePredictions
from crbl_export.parity.record import parity_record
from crbl_export.parity.reference import Reference
from crbl_export.parity.report import ParityGate
from crbl_export.parity.report_page import page as page_module
from crbl_export.parity.report_page.error_histogram import error_histogram
from crbl_export.parity.report_page.page import parity_page
from crbl_export.parity.report_page.page_data import ParityRun
from crbl_export.parity.report_page.shown_images import NEAREST, shown_images
from crbl_runtime.execution_provider import Provider
from crbl_runtime.flipped_decisions import FlippedDecisions
from crbl_runtime.options import EXECUTION_PROVIDERS
from crbl_runtime.verification.record import ImageHashes
from filled_page import FilledPage
from parity_pages import with_moved_logits
from public_commands import Trained, run_command

PROJECT = Path(__file__).parents[3]


def test_the_page_has_the_numbers_of_the_json(small: Trained, few_photographs: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(few_photographs, tmp_path / "images"))
    (folder / "broken.png").write_bytes(b"broken")
    given = (small.model, "--checkpoint", small.checkpoint, "--verify", folder)
    passed = run_command("crbl-parity", *given, "--report", tmp_path / "new" / "page", "--json")
    assert passed.returncode == 0, passed.stderr
    path = tmp_path / "new" / "page" / "report.html"
    assert f"Report: {path}" in passed.stderr
    assert list(path.parent.iterdir()) == [path]
    gate, data = json.loads(passed.stdout), FilledPage.read(path).data
    (report,), (provider,) = gate["reports"], data["providers"]
    assert data["passed"] is True
    assert provider["report"] == report
    assert data["model"]["sha256"] == gate["record"]["model_sha256"]
    recorded, images = gate["record"]["images"], data["images"]
    assert images["names"] == [image["name"] for image in recorded]
    assert images["logits"] == [image["logit"] for image in recorded]
    assert images["decisions"] == [image["is_anomaly"] for image in recorded]
    assert images["unreadable"] == report["unreadable"] == ["broken.png"]
    errors = np.array(provider["errors"])
    np.testing.assert_array_equal(errors, np.abs(np.array(provider["logits"]) - np.array(images["logits"])))
    assert (errors.max(), np.median(errors)) == (report["error_onnx"], report["median_error_onnx"])
    assert max(provider["torchErrors"]) == report["error_torch"]
    assert images["names"][provider["shown"]["largestErrors"][0]] == report["worst_image"]
    for kind in ("onnx", "torch"):
        assert sum(provider["histogram"][kind]) + provider["histogram"]["zero"][kind] == 8
    assert provider["quantiles"][-1] == {"share": 1.0, "onnx": report["error_onnx"], "torch": report["error_torch"]}
    assert provider["shown"]["flips"] == []
    nearest = [provider["distances"][image] for image in provider["shown"]["nearest"]]
    assert nearest == sorted(provider["distances"])[:NEAREST]
    pictures = [Image.open(io.BytesIO(picture)) for picture in FilledPage.read(path).pictures]
    assert {(picture.format, max(picture.size)) for picture in pictures} == {("WEBP", 100)}
    assert sorted(images["pictures"].values()) == list(range(len(pictures)))
    words = {what: shlex.split(line) for what, line in data["commands"].items()}
    given_words = ["crbl-parity", *map(str, given)]
    assert words["again"] == [*given_words, "--report", str(path.parent), "--json"]
    assert words["json"] == [*given_words, "--json"]
    assert words["verify"] == [
        "crbl-verify",
        str(small.model),
        str(small.model.with_suffix(".parity.json")),
        str(folder),
    ]


def test_a_file_that_fails_has_a_page_with_the_first_divergence_and_every_flip(
    small: Trained, few_photographs: Path, tmp_path: Path
) -> None:
    changed = tmp_path / "changed.onnx"
    changed.write_bytes(with_moved_logits(small.model, -100))
    given = (changed, "--checkpoint", small.checkpoint, "--verify", few_photographs)
    failed = run_command("crbl-parity", *given, "--report", tmp_path)
    assert failed.returncode == 1, failed.stderr
    data = FilledPage.read(tmp_path / "report.html").data
    (provider,) = data["providers"]
    assert data["passed"] is provider["report"]["passed"] is False
    divergence = provider["report"]["divergence"]
    assert divergence["operator"] == "Add"
    assert divergence["cause"] in CAUSES
    assert "\n".join(data["printed"]) in failed.stdout
    assert any(divergence["node"] in line for line in data["printed"])
    decided = [image for image, is_anomaly in enumerate(data["images"]["decisions"]) if is_anomaly]
    assert decided, "without a decision to flip this proves nothing"
    assert sorted(provider["shown"]["flips"]) == decided
    assert len(decided) == provider["report"]["flips"]
    assert {str(image) for image in decided} <= set(data["images"]["pictures"])
    assert provider["probabilities"] == pytest.approx([0.0] * 8)


def test_a_page_that_cannot_be_written_ends_the_command_before_any_work(
    small: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("crbl_training.checkpoint.load_checkpoint")
    (tmp_path / "a file").touch()
    given = (small.model, "--checkpoint", small.checkpoint, "--allow-made-images")
    refused = run_command("crbl-parity", *given, "--report", tmp_path / "a file")
    assert (refused.returncode, refused.stdout) == (3, "")
    assert f"{parity.REPORT_FILE} cannot be written" in refused.stderr


def test_a_run_that_compares_nothing_leaves_no_page(small: Trained, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "broken.png").write_bytes(b"broken")
    given = (small.model, "--checkpoint", small.checkpoint, "--verify", tmp_path / "images")
    stopped = run_command("crbl-parity", *given, "--report", tmp_path / "page")
    assert stopped.returncode == 1
    assert "Nothing was compared" in stopped.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["images"]


def made_gate(float64: list[float], file: list[float], threshold: float = 0.5) -> ParityGate:
    """A gate on numbers, on a GPU, where a second provider does not start."""
    count = len(float64)
    images = ImageSet(
        names=tuple(f"image {n}" for n in range(count)),
        contents=(np.zeros((40, 30, 3), np.uint8),) * count,
        hashes=(ImageHashes("", "", ""),) * count,
        pixels=np.zeros((count, 32, 32, 3), np.uint8),
        reference=Reference(np.array(float64), np.array(float64)),
        checkpoint_hash="hash",
        unreadable=(),
        source="numbers",
        made=False,
    )
    decisions = np.array(file) > 0
    predictions = FilePredictions(np.array(file), np.array(file), decisions, threshold, Provider("cuda", 1))
    report = compare(images, predictions, Limits())
    return ParityGate((report,), {"directml": "no driver"}, parity_record(PROJECT / "LICENSE", images, report), images)


@pytest.fixture
def run(small: Trained) -> ParityRun:
    return ParityRun(read_model_file(small.model), "checkpoint", (), {})


def shown_page(run: ParityRun, gate: ParityGate, folder: Path) -> dict[str, Any]:
    (folder / "page.html").write_text(parity_page(run, gate), encoding="utf-8")
    return FilledPage.read(folder / "page.html").data


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_a_number_is_null_and_comes_first(run: ParityRun, tmp_path: Path, bad: float) -> None:
    data = shown_page(run, made_gate([1.0, 2.0, -3.0], [1.0, bad, -3.0]), tmp_path)
    (provider,) = data["providers"]
    assert provider["logits"] == [1.0, None, -3.0]
    assert provider["errors"] == [0.0, None, 0.0]
    assert provider["shown"]["largestErrors"][0] == 1
    assert provider["histogram"]["notFinite"] == {"onnx": 1, "torch": 0}
    assert provider["histogram"]["zero"] == {"onnx": 2, "torch": 3}
    assert provider["histogram"]["edges"] == []
    assert provider["quantiles"][-1]["onnx"] is None


def test_every_provider_is_named_with_what_became_of_it(run: ParityRun, tmp_path: Path) -> None:
    gate = made_gate([1.0], [1.0])
    data = shown_page(run, gate, tmp_path)
    states = {state["kind"]: (state["state"], state["reason"]) for state in data["providerStates"]}
    assert states["cuda"] == ("compared", "")
    assert states["directml"] == ("not started", "no driver")
    assert states["cpu"] == ("not asked for", "")
    assert set(states) == set(EXECUTION_PROVIDERS)
    assert data["providers"][0]["device"] == "cuda, device 1"


def test_at_a_threshold_of_0_no_image_is_near_to_it(run: ParityRun, tmp_path: Path) -> None:
    (provider,) = shown_page(run, made_gate([1.0, 2.0], [1.0, 2.0], threshold=0.0), tmp_path)["providers"]
    assert provider["thresholdLogit"] is None
    assert provider["shown"]["nearest"] == []


def test_a_page_whose_pictures_cannot_be_made_is_not_left_half_written(
    small: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(pixels: object) -> bytes:
        raise MemoryError

    monkeypatch.setattr(page_module, "to_webp", fail)
    given = (small.model, "--checkpoint", small.checkpoint, "--allow-made-images")
    stopped = run_command("crbl-parity", *given, "--report", tmp_path)
    assert stopped.returncode == 3
    assert "PASSED" in stopped.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_histogram_has_every_error_in_one_bin_of_whole_decades() -> None:
    onnx, torch = np.array([1e-5, 2e-5, 9.9e-4, 0.0, np.inf]), np.array([1e-6, 1e-6, 3e-5, 0.0, 0.0])
    histogram = error_histogram(onnx, torch)
    assert (histogram.edges[0], histogram.edges[-1], len(histogram.edges)) == (-6, -3, 13)
    assert (sum(histogram.onnx), histogram.onnx_zero, histogram.onnx_not_finite) == (3, 1, 1)
    assert (sum(histogram.torch), histogram.torch_zero, histogram.torch_not_finite) == (3, 2, 0)
    assert (histogram.torch[0], histogram.onnx[4], histogram.onnx[5], histogram.onnx[11]) == (2, 1, 1, 1)
    same = error_histogram(np.full(3, 1e-4), np.full(3, 1e-4))
    assert (same.edges[0], same.edges[-1], same.onnx[0]) == (-4, -3, 3)


def test_the_most_telling_images_come_first() -> None:
    errors = np.array([1e-5, 3e-5, np.inf, 2e-5])
    distances = np.array([0.5, 0.1, np.nan, 3.0])
    flipped = FlippedDecisions(np.array([True, False, False, True]), np.array([False, True, False, False]), distances)
    shown = shown_images(ComparedImages(errors, errors, flipped))
    assert shown.largest_errors == (2, 1, 3, 0)
    assert shown.flips == (3, 0)
    assert shown.flips_within_margin == (1,)
    assert shown.nearest == (1, 0, 3)
    none = replace(flipped, outside_margin=np.zeros(4, np.bool_), within_margin=np.zeros(4, np.bool_))
    assert shown_images(ComparedImages(errors, errors, none)).flips == ()


def test_every_cause_of_a_divergence_has_its_korean_sentence() -> None:
    texts = (PROJECT / "report_pages" / "src" / "parity" / "texts.ts").read_text(encoding="utf-8")
    korean = texts[texts.index("const ko") :]
    assert [cause for cause in CAUSES if f'"{cause}":' not in korean] == []
