"""The gate passes a file that decides as PyTorch does, and no other."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from onnx import numpy_helper

from crbl_export.gate import check_parity, run_gate
from crbl_export.model_file import ModelFile
from crbl_export.parity import providers
from crbl_export.parity.image_set import MADE_IMAGES, ImageFiles, ImageSet, choose_images, read_image_set
from crbl_export.parity.limits import SMALLEST_LIMIT, Limits
from crbl_export.parity.providers import check_provider, check_providers
from crbl_export.parity.report import ParityReport
from crbl_export.parity.text import parity_lines
from crbl_export.trained_model import TrainedModel
from crbl_runtime.errors import ModelFileError, ParityError, UsageError
from crbl_runtime.image_folder import find_images
from crbl_runtime.left_out import left_out_lines
from crbl_runtime.verification.record import ParityRecord
from crbl_training.checkpoint import load_checkpoint
from crbl_training.model.network_input import network_input
from public_commands import Trained, run_command


@pytest.fixture(scope="module")
def trained(small: Trained) -> TrainedModel:
    return TrainedModel.of(load_checkpoint(small.checkpoint))


@pytest.fixture(scope="module")
def images(trained: TrainedModel, few_photographs: Path) -> ImageSet:
    return read_image_set(ImageFiles(find_images(few_photographs).images, "photographs"), trained)


def test_a_trained_crop_model_passes_on_real_images(crop: Trained, photographs: Path) -> None:
    files = ImageFiles(find_images(photographs).images[::2], "photographs")
    images = read_image_set(files, TrainedModel.of(load_checkpoint(crop.checkpoint)))
    report = check_provider(crop.model, images, Limits())
    assert report.passed, report.failures
    assert report.images == 20
    # The model knows grains only: on a photograph that is nearly black its backbones magnify rounding some thousand
    # times, by how much depends on the processor. Half of the photographs stay clear of that.
    assert report.median_limit == SMALLEST_LIMIT
    assert 0 < report.error_onnx <= report.limit == max(10 * report.error_torch, 1e-4)
    assert report.divergence is None
    assert report.flips == 0
    assert images.reference.float64.std() > 1e-3, "images that all score the same prove nothing"


def test_a_trained_full_model_passes_on_real_images(full: Trained, few_photographs: Path) -> None:
    files = ImageFiles(find_images(few_photographs).images, "photographs")
    images = read_image_set(files, TrainedModel.of(load_checkpoint(full.checkpoint)))
    report = check_provider(full.model, images, Limits())
    assert report.passed, report.failures
    assert report.threshold == 0.5


def largest_pair(trained: TrainedModel, images: ImageSet) -> int:
    """The place in the head's weight of the channels whose product is largest.

    What a weight is multiplied with is a root. Where the product is nearly 0, that magnifies rounding, by how much
    depends on the processor, and may hide one changed weight among 1.6 million.
    """
    with torch.no_grad():
        pixels = network_input(torch.from_numpy(images.pixels), trained.preprocessing).double()
        first, second = (features.flatten(2) for features in trained.float64.features(pixels))
        return int((first @ second.transpose(1, 2)).abs().sum(dim=0).argmax())


@pytest.mark.parametrize("position", ["first", "middle", "head"])
def test_one_changed_weight_fails_the_gate(
    small_file: ModelFile, trained: TrainedModel, images: ImageSet, tmp_path: Path, position: str
) -> None:
    graph = small_file.graph.graph
    convolutions = [node.input[1] for node in graph.node if node.op_type == "Conv"]
    sizes = {tensor.name: len(tensor.raw_data) for tensor in graph.initializer}
    shapes = {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    name = {
        "first": convolutions[0],
        "middle": next(name for name in convolutions if shapes[name] == [480, 80, 1, 1]),
        "head": max(sizes, key=lambda name: sizes[name]),
    }
    tensor = next(tensor for tensor in graph.initializer if tensor.name == name[position])
    values = numpy_helper.to_array(tensor).copy()
    flat = values.reshape(-1)
    index = largest_pair(trained, images) if position == "head" else int(np.argmax(np.abs(flat)))
    flat[index] += 0.5 * max(float(np.abs(flat[index])), 1.0)
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    changed = tmp_path / "changed.onnx"
    changed.write_bytes(small_file.to_bytes())
    (report,) = run_gate(changed, trained, images, Limits(), "cpu").reports
    assert not report.passed
    assert report.error_onnx > report.limit or report.median_error_onnx > report.median_limit
    assert report.divergence is not None
    reader = next(node for node in graph.node if tensor.name in node.input)
    assert (report.divergence.node, report.divergence.operator) == (reader.name, reader.op_type)
    assert reader.name in "\n".join(parity_lines(report))
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["divergence"]["node"] == reader.name


def test_nobody_looks_for_the_node_unasked(small: Trained, images: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("crbl_export.divergence.diagnosis.find_first_divergence")
    report = check_provider(small.model, images, Limits(tolerance=1e-9))
    assert not report.passed
    assert report.divergence is None


def test_images_that_cannot_be_read_are_named(trained: TrainedModel, few_photographs: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"broken")
    paths = (few_photographs / "coffee_0.png", tmp_path / "broken.png", tmp_path / "missing.png")
    found = read_image_set(ImageFiles(paths, "some"), trained)
    (relative,) = found.names
    assert relative.endswith("coffee_0.png")
    assert not Path(relative).is_absolute()
    assert found.pixels.shape == (1, 64, 64, 3)
    assert [Path(name).name for name in found.unreadable] == ["broken.png", "missing.png"]
    with pytest.raises(ParityError, match=r"of 2 images \(broken ones\) none can be read"):
        read_image_set(ImageFiles(paths[1:], "broken ones"), trained)


def test_the_images_are_the_user_s_or_those_of_the_run_and_made_ones_only_where_they_are_allowed(
    crop: Trained, small: Trained, few_photographs: Path
) -> None:
    assert choose_images(crop.checkpoint, few_photographs).paths == find_images(few_photographs).images
    of_the_run = choose_images(crop.checkpoint, None)
    assert (len(of_the_run.paths), of_the_run.source) == (16, f"the validation images of {crop.checkpoint.name}")
    with pytest.raises(UsageError, match=r"no real images.*--verify.*--allow-made-images"):
        choose_images(small.checkpoint, None)
    assert choose_images(small.checkpoint, None, allow_made_images=True) == MADE_IMAGES


def test_what_of_the_folder_is_left_out_goes_with_the_images(
    small: Trained, few_photographs: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(few_photographs, tmp_path / "images"))
    assert not any(choose_images(small.checkpoint, folder).left_out)
    (folder / "notes.txt").touch()
    assert left_out_lines(choose_images(small.checkpoint, folder).left_out) == [f"Left out of {folder}: 1 .txt"]


def test_neither_command_proves_a_file_on_made_images_unasked(small: Trained, tmp_path: Path) -> None:
    checkpoint = ("--checkpoint", small.checkpoint)
    for command in (
        ("crbl-parity", small.model, *checkpoint),
        ("crbl-export", "--variant", "crop", *checkpoint, "-o", tmp_path / "model.onnx"),
    ):
        refused = run_command(*command)
        assert refused.returncode == 2
        assert "--allow-made-images" in refused.stderr
    assert list(tmp_path.iterdir()) == []
    allowed = run_command("crbl-parity", small.model, *checkpoint, "--allow-made-images")
    assert allowed.returncode == 0, allowed.stderr
    assert "Parity on 4 images (images made by formula, no real ones)" in allowed.stdout


def test_the_proof_on_made_images_is_repeated_without_a_folder(small: Trained, tmp_path: Path) -> None:
    proof = run_command("crbl-parity", small.model, "--checkpoint", small.checkpoint, "--allow-made-images", "--json")
    (tmp_path / "made.json").write_text(proof.stdout)
    repeated = run_command("crbl-verify", small.model, tmp_path / "made.json")
    assert repeated.returncode == 0, repeated.stderr
    assert "4 of the report's 4 images are here" in repeated.stdout


def test_a_file_of_another_checkpoint_is_refused(full: Trained, images: ImageSet) -> None:
    with pytest.raises(UsageError, match="not from"):
        check_provider(full.model, images, Limits())
    with pytest.raises(ModelFileError):
        check_provider(full.checkpoint, images, Limits())


def test_a_program_in_python_needs_the_checkpoint_and_the_images(small: Trained, few_photographs: Path) -> None:
    images = choose_images(small.checkpoint, few_photographs)
    gate = check_parity(small.model, load_checkpoint(small.checkpoint), images)
    assert gate.passed
    assert [report.provider for report in gate.reports] == ["cpu"]


def test_the_command_gives_json_and_exit_codes(
    small: Trained, crop: Trained, few_photographs: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(few_photographs, tmp_path / "images"))
    (folder / "notes.txt").touch()
    arguments = (small.model, "--checkpoint", small.checkpoint, "--verify", folder, "--json")
    passed = run_command("crbl-parity", *arguments)
    assert passed.returncode == 0, passed.stderr
    gate = json.loads(passed.stdout)
    assert gate["passed"]
    assert gate["schema_version"] == 3
    assert [counts["other_files_by_suffix"] for counts in gate["left_out"]] == [{".txt": 1}]
    record = ParityRecord.from_dict(gate["record"])
    assert record.model_sha256 == hashlib.sha256(small.model.read_bytes()).hexdigest()
    assert [image.name for image in record.images] == [path.name for path in find_images(few_photographs).images]
    (report,) = gate["reports"]
    assert (report["images"], report["provider"], report["divergence"]) == (8, "cpu", None)
    assert "predictions" not in report
    failed = run_command("crbl-parity", *arguments, "--tolerance", "1e-9")
    assert failed.returncode == 1
    (report,) = json.loads(failed.stdout)["reports"]
    assert report["failures"][-1] == "each node's value is that of PyTorch within rounding"
    assert run_command("crbl-parity", *arguments, "--max-flips", "1").returncode == 2
    other = run_command("crbl-parity", small.model, "--checkpoint", crop.checkpoint, "--verify", few_photographs)
    assert other.returncode == 2
    assert "exported from the checkpoint" in other.stderr


def test_all_providers_of_the_machine_are_checked_and_one_failure_is_a_failure(
    small: Trained, images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CPU provider stands in for a GPU's; one that does not start is reported and is no failure."""
    monkeypatch.setattr(
        onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    gate = check_providers(small.model, images)
    assert gate.passed
    assert [report.provider for report in gate.reports] == ["cpu"]
    assert "cuda" in gate.not_checked
    right: Callable[[Path, ImageSet, Limits | None, str], ParityReport] = providers.check_provider

    def off_on_cuda(model: Path, images: ImageSet, limits: Limits | None, provider: str) -> ParityReport:
        return right(model, images, Limits(tolerance=0.0) if provider == "cuda" else limits, "cpu")

    monkeypatch.setattr(providers, "check_provider", off_on_cuda)
    gate = check_providers(small.model, images, Limits())
    assert [report.passed for report in gate.reports] == [True, False]
    assert not gate.passed
    assert gate.to_dict()["passed"] is False
