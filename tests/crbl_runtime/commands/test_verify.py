"""crbl-verify: the proof of a file repeated without PyTorch, and where a difference begins."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from crbl_runtime import preprocessing, provider_choice
from crbl_runtime.errors import WrongResultsError
from crbl_runtime.execution_provider import Provider
from crbl_runtime.image import DecodedImage
from crbl_runtime.options import EXECUTION_PROVIDERS
from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_runtime.verification import record as record_module
from public_commands import Trained, run_command


@pytest.fixture
def images(grains: Path) -> Path:
    """The validation images, which the crop model was exported with."""
    return grains / "images" / "validation"


@pytest.fixture
def report(crop: Trained) -> Path:
    return crop.model.with_suffix(".parity.json")


def changed(report: Path, target: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A report whose record was changed."""
    values = json.loads(report.read_text())
    change(values["record"])
    target.write_text(json.dumps(values))
    return target


def verified(*arguments: object, code: int = 0) -> dict[str, Any]:
    result = run_command("crbl-verify", *arguments, "--json")
    assert result.returncode == code, result.stderr
    values: dict[str, Any] = json.loads(result.stdout)
    return values


def test_a_sound_machine_decides_as_pytorch_did(crop: Trained, report: Path, images: Path) -> None:
    result = run_command("crbl-verify", crop.model, report, images)
    assert result.returncode == 0, result.stderr
    assert "16 of the report's 16 images are here" in result.stdout
    assert result.stdout.rstrip().endswith("PASSED: the file decides here as PyTorch did where it was exported.")
    found = verified(crop.model, report, images)
    (cpu,) = found["providers"]
    assert found["passed"]
    assert (cpu["provider"], cpu["images"], cpu["flips"], cpu["not_finite"]) == ("cpu", 16, 0, 0)
    assert 0 < cpu["largest"] == cpu["largest_by_stage"]["network"] <= found["limit"]
    assert cpu["largest_by_stage"]["decoding"] is cpu["largest_by_stage"]["preparing"] is None


def test_neither_torch_nor_onnx_is_needed(crop: Trained, report: Path, images: Path) -> None:
    script = (
        "import sys\n"
        "for name in ('torch', 'torchvision', 'onnx', 'timm', 'crbl_export', 'crbl_training'):\n"
        "    sys.modules[name] = None\n"
        "from crbl_runtime.commands import crbl_verify\n"
        "crbl_verify()"
    )
    arguments = [sys.executable, "-c", script, str(crop.model), str(report), str(images)]
    result = subprocess.run(arguments, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "PASSED" in result.stdout


def test_a_decoder_with_other_pixels_is_named(
    crop: Trained, report: Path, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = record_module.decode_for

    def off_by_one(image: bytes, spec: PreprocessingSpec) -> DecodedImage:
        return DecodedImage(np.minimum(right(image, spec).pixels, 254) + np.uint8(1))

    monkeypatch.setattr(record_module, "decode_for", off_by_one)
    result = run_command("crbl-verify", crop.model, report, images, "--json")
    found = json.loads(result.stdout)
    assert len(found["decoded_otherwise"]) == 16
    assert found["prepared_otherwise"] == []
    (cpu,) = found["providers"]
    assert cpu["largest_by_stage"]["network"] is cpu["largest_by_stage"]["preparing"] is None
    assert cpu["largest"] == cpu["largest_by_stage"]["decoding"] > found["limit"]


def test_a_resize_with_other_pixels_is_named(
    crop: Trained, report: Path, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bicubic on uint8 without IPP, as the first version computed it on some machines."""

    def on_uint8(pixels: np.ndarray, size: int) -> np.ndarray:
        return cv2.resize(pixels, (size, size), interpolation=cv2.INTER_CUBIC)

    monkeypatch.setattr(preprocessing, "resize_bicubic", on_uint8)
    ipp = cv2.ipp.useIPP()
    cv2.ipp.setUseIPP(False)
    result = run_command("crbl-verify", crop.model, report, images)
    cv2.ipp.setUseIPP(ipp)
    assert "decoded to other pixels          0\n" in result.stdout
    assert "prepared to other pixels         16 (" in result.stdout
    assert "more than the" in result.stdout


def test_images_are_found_by_their_content(crop: Trained, report: Path, images: Path, tmp_path: Path) -> None:
    first, second, *others = sorted(images.iterdir())
    for number, path in enumerate(others):
        shutil.copy(path, tmp_path / f"renamed {number}{path.suffix}")
    (tmp_path / first.name).write_bytes(second.read_bytes() + b"\0")
    result = run_command("crbl-verify", crop.model, report, tmp_path)
    assert result.returncode == 4
    assert f"not here with the same content   2 ({first.name}, {second.name})" in result.stdout
    assert "but 2 of its images could not be compared" in result.stdout
    assert "Left out" not in result.stdout


def test_what_of_the_folder_was_left_out_is_said(crop: Trained, report: Path, images: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(images, tmp_path / "images"))
    first = sorted(folder.iterdir())[0]
    first.rename(folder / f".{first.name}")
    result = run_command("crbl-verify", crop.model, report, folder)
    assert result.returncode == 4
    assert f"Left out of {folder}: 1 hidden file (.{first.name})\n" in result.stdout
    (counts,) = verified(crop.model, report, folder, code=4)["left_out"]
    assert (counts["folder"], counts["hidden_files"]) == (str(folder), 1)


def test_comparing_nothing_fails(crop: Trained, report: Path, photographs: Path) -> None:
    result = run_command("crbl-verify", crop.model, report, photographs)
    assert result.returncode == 1
    assert "Nothing was compared" in result.stderr


def test_a_decision_that_differs_fails(crop: Trained, report: Path, images: Path, tmp_path: Path) -> None:
    def other_decision(record: dict[str, Any]) -> None:
        record["images"][3]["logit"] = 20.0 if not record["images"][3]["is_anomaly"] else -20.0

    flipped = changed(report, tmp_path / "flipped.json", other_decision)
    found = verified(crop.model, flipped, images, code=1)
    assert (found["passed"], found["providers"][0]["flips"]) == (False, 1)
    assert found["providers"][0]["worst_image"] == json.loads(flipped.read_text())["record"]["images"][3]["name"]
    within = changed(flipped, tmp_path / "within.json", lambda record: record.update(margin=100.0))
    assert verified(crop.model, within, images)["providers"][0]["flips_within_margin"] == 1


def test_the_report_and_the_model_belong_together(
    crop: Trained, full: Trained, report: Path, images: Path, tmp_path: Path
) -> None:
    other = run_command("crbl-verify", full.model, report, images)
    assert other.returncode == 2
    assert "Name the model file and the report of one export" in other.stderr
    damaged = bytearray(crop.model.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (tmp_path / "damaged.onnx").write_bytes(damaged)
    refused = run_command("crbl-verify", tmp_path / "damaged.onnx", report, images)
    assert refused.returncode == 2
    assert "is damaged or was changed after its export" in refused.stderr
    unnamed = run_command("crbl-verify", crop.model, report)
    assert unnamed.returncode == 2
    assert "Name the folder" in unnamed.stderr


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record.update(images=[]),
        lambda record: record.update(surprise=1),
        lambda record: record.pop("limit"),
        lambda record: record.update(schema_version=9),
        lambda record: record["images"][0].update(logit="high"),
        lambda record: record["images"][0].pop("sha256"),
        lambda record: record["images"][0]["sha256"].update(more="x"),
        lambda record: record.update(images=7),
    ],
)
def test_a_report_that_was_changed_is_a_usage_error(
    crop: Trained, report: Path, images: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    result = run_command("crbl-verify", crop.model, changed(report, tmp_path / "changed.json", change), images)
    assert result.returncode == 2
    assert "The parity record cannot be used" in result.stderr


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff\xfe", b'{"record": 3}'])
def test_what_is_no_report_is_a_usage_error(crop: Trained, images: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "report.json").write_bytes(content)
    result = run_command("crbl-verify", crop.model, tmp_path / "report.json", images)
    assert result.returncode == 2
    assert "parity" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_provider_that_does_not_start_is_told_and_a_wrong_one_fails(
    crop: Trained, report: Path, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CPU provider stands in for a GPU's."""
    available = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: available)
    found = verified(crop.model, report, images)
    assert "was asked for, but onnxruntime chose" in found["not_checked"]["cuda"]
    monkeypatch.setitem(EXECUTION_PROVIDERS, "directml", "CPUExecutionProvider")
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    monkeypatch.setattr(Provider, "to_onnxruntime", lambda provider: ("CPUExecutionProvider", {}))
    assert [each["provider"] for each in verified(crop.model, report, images)["providers"]] == ["cpu", "directml"]

    def wrong(*given: object) -> None:
        raise WrongResultsError("directml computes wrongly.")

    monkeypatch.setattr(provider_choice, "run_self_test", wrong)
    assert "computes wrongly" in verified(crop.model, report, images, code=1)["wrong"]["directml"]
