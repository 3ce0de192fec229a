"""The gate passes what decides as PyTorch does, and nothing else."""

import json
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from crbl_export.parity.compare import SMALLEST_LIMIT, ParityReport, ParitySet, check_parity, compare, read_parity_set
from crbl_export.parity.providers import check_providers
from crbl_export.parity.reference import Reference
from crbl_export.parity.text import parity_lines
from crbl_runtime.errors import ModelFileError, ParityError, UsageError
from crbl_runtime.image_folder import find_images
from crbl_training.checkpoint import Checkpoint, load_checkpoint
from public_commands import Trained, run_command


@pytest.fixture(scope="module")
def checkpoint(crop: Trained) -> Checkpoint:
    return load_checkpoint(crop.checkpoint)


@pytest.fixture(scope="module")
def images(checkpoint: Checkpoint, photographs: Path) -> ParitySet:
    return read_parity_set(checkpoint, find_images(photographs), "photographs")


def parity_set(double: list[float], single: list[float] | None = None) -> ParitySet:
    count = len(double)
    reference = Reference(np.array(double), np.array(single if single is not None else double))
    return ParitySet(tuple(f"image {n}" for n in range(count)), (b"",) * count, reference, (), "numbers")


def compared(double: list[float], file: list[float], **options: object) -> ParityReport:
    decisions = np.array(file) > 0
    return compare(parity_set(double), np.array(file), decisions, threshold=0.5, provider="cpu", **options)


def test_a_trained_crop_model_passes_on_real_images(crop: Trained, checkpoint: Checkpoint, images: ParitySet) -> None:
    report = check_parity(crop.model, checkpoint, images)
    assert report.passed, report.failures
    assert report.images == 40
    # The model knows grains only: on a photograph that is nearly black its backbones magnify rounding some thousand
    # times, by how much depends on the processor. Half of the photographs stay clear of that.
    assert report.median_limit == SMALLEST_LIMIT
    assert 0 < report.error_onnx <= report.limit == max(10 * report.error_torch, 1e-4)
    assert report.fault is None
    assert report.flips == 0
    assert images.reference.float64.std() > 1e-3, "images that all score the same prove nothing"


def test_a_trained_full_model_passes_on_real_images(full: Trained, photographs: Path) -> None:
    checkpoint = load_checkpoint(full.checkpoint)
    report = check_parity(full.model, checkpoint, read_parity_set(checkpoint, find_images(photographs), "photographs"))
    assert report.passed, report.failures
    assert report.threshold == 0.5


@pytest.mark.parametrize("position", ["first", "middle", "head"])
def test_one_changed_weight_fails_the_gate(
    crop: Trained, checkpoint: Checkpoint, images: ParitySet, tmp_path: Path, position: str
) -> None:
    model = onnx.load(crop.model)
    convolutions = [node.input[1] for node in model.graph.node if node.op_type == "Conv"]
    sizes = {tensor.name: len(tensor.raw_data) for tensor in model.graph.initializer}
    shapes = {tensor.name: list(tensor.dims) for tensor in model.graph.initializer}
    name = {
        "first": convolutions[0],
        "middle": next(name for name in convolutions if shapes[name] == [480, 80, 1, 1]),
        "head": max(sizes, key=lambda name: sizes[name]),
    }
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == name[position])
    values = numpy_helper.to_array(tensor).copy()
    flat = values.reshape(-1)
    index = int(np.argmax(np.abs(flat)))
    flat[index] += 0.5 * max(float(np.abs(flat[index])), 1.0)
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    changed = tmp_path / "changed.onnx"
    onnx.save(model, changed)
    report = check_parity(changed, checkpoint, images)
    assert not report.passed
    assert report.error_onnx > report.limit or report.median_error_onnx > report.median_limit
    assert report.fault is not None
    reader = next(node for node in model.graph.node if tensor.name in node.input)
    assert (report.fault.node, report.fault.operator) == (reader.name, reader.op_type)
    assert reader.name in "\n".join(parity_lines(report))
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["fault"]["node"] == reader.name


def test_a_wrong_file_cannot_hide_behind_one_image_that_pytorch_itself_is_unsure_of() -> None:
    double, single = [1.0, 2.0, 3.0], [1.0, 2.0, 3.001]
    reference = parity_set(double, single)
    decisions = np.array([True, True, True])
    wrong = compare(reference, np.array([1.002, 2.002, 3.002]), decisions, threshold=0.5, provider="cpu")
    assert wrong.error_onnx < wrong.limit
    assert not wrong.passed
    assert "half of the logits" in wrong.failures[0]
    rounded = compare(reference, np.array([1.0, 2.0, 3.002]), decisions, threshold=0.5, provider="cpu")
    assert rounded.passed, rounded.failures


def test_a_share_of_flips_can_be_allowed() -> None:
    double, file = [-1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0]
    assert not compared(double, file, tolerance=0.1, max_flips=0.2).passed
    report = compared(double, file, tolerance=10)
    assert (report.flips, report.flips_within_margin, report.passed) == (0, 1, True)
    decisions = np.array([False, True, True, True])
    off_by_one = compare(
        parity_set([1.0, *double[1:]]), np.array([1.0, *file[1:]]), decisions, threshold=0.5, provider="cpu"
    )
    assert "1 of 4 decisions differ" in off_by_one.failures[0]
    allowed = compare(
        parity_set([1.0, *double[1:]]),
        np.array([1.0, *file[1:]]),
        decisions,
        threshold=0.5,
        provider="cpu",
        max_flips=0.25,
    )
    assert allowed.passed
    assert (allowed.flips, allowed.max_flips) == (1, 0.25)


@pytest.mark.parametrize("options", [{"max_flips": 1.0}, {"max_flips": -0.1}, {"tolerance": -1.0}])
def test_options_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="expected a"):
        compared([1.0], [1.0], **options)


def test_the_report_names_the_worst_image_and_counts_flips() -> None:
    report = compared([-3.0, 0.5, 2.0], [-3.0, -0.5, 2.0])
    assert not report.passed
    assert report.worst_image == "image 1"
    assert (report.flips, report.flips_within_margin) == (1, 0)
    assert report.error_onnx == 1.0


def test_a_flip_nearer_to_the_threshold_than_rounding_is_no_failure() -> None:
    report = compared([5e-5, 2.0], [-2e-5, 2.0])
    assert report.passed
    assert (report.flips, report.flips_within_margin) == (0, 1)


def test_the_limit_grows_with_pytorch_s_own_rounding_and_can_be_set() -> None:
    reference = parity_set([1.0, 2.0], [1.0, 2.0005])
    file, decisions = np.array([1.0, 2.004]), np.array([True, True])
    assert compare(reference, file, decisions, threshold=0.5, provider="cpu").passed
    assert not compare(reference, file, decisions, threshold=0.5, provider="cpu", tolerance=1e-3).passed


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_logit_that_is_not_finite_fails(bad: float) -> None:
    report = compared([1.0, 2.0], [1.0, bad])
    assert not report.passed
    assert "NaN or infinite" in report.failures[0]
    assert report.worst_image == "image 1"
    assert report.to_dict()["error_onnx"] is None
    for reference in (parity_set([1.0, bad]), parity_set([1.0, 2.0], [1.0, bad])):
        same = compare(reference, reference.reference.float64, np.array([True, True]), threshold=0.5, provider="cpu")
        assert "NaN or infinite" in same.failures[0]
    assert not compare(
        parity_set([1.0, bad]), np.array([1.0, bad]), np.array([True, True]), threshold=0.5, provider="cpu"
    ).passed


def test_comparing_nothing_fails(checkpoint: Checkpoint, tmp_path: Path) -> None:
    with pytest.raises(ParityError, match="Nothing was compared"):
        compared([], [])
    with pytest.raises(ParityError, match="Nothing was compared"):
        compared([1.0, 2.0], [1.0])
    (tmp_path / "broken.png").write_bytes(b"broken")
    with pytest.raises(ParityError, match="Nothing was compared"):
        read_parity_set(checkpoint, [tmp_path / "broken.png"], "broken images")


def test_images_that_cannot_be_read_are_named(checkpoint: Checkpoint, photographs: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"broken")
    paths = [photographs / "coffee_0.png", tmp_path / "broken.png"]
    found = read_parity_set(checkpoint, paths, "some")
    assert len(found.names) == 1
    assert found.unreadable == (str(tmp_path / "broken.png"),)


def test_a_file_of_another_checkpoint_is_refused(full: Trained, checkpoint: Checkpoint, images: ParitySet) -> None:
    with pytest.raises(UsageError, match="not from"):
        check_parity(full.model, checkpoint, images)
    with pytest.raises(ModelFileError):
        check_parity(full.checkpoint, checkpoint, images)


def test_the_command_gives_json_and_exit_codes(crop: Trained, full: Trained, photographs: Path) -> None:
    arguments = (crop.model, "--checkpoint", crop.checkpoint, "--verify", photographs, "--json")
    passed = run_command("crbl-parity", *arguments)
    assert passed.returncode == 0, passed.stderr
    gate = json.loads(passed.stdout)
    assert gate["passed"]
    assert gate["schema_version"] == 2
    (report,) = gate["reports"]
    assert (report["images"], report["provider"], report["fault"]) == (40, "cpu", None)
    failed = run_command("crbl-parity", *arguments, "--tolerance", "1e-9")
    assert failed.returncode == 1
    (report,) = json.loads(failed.stdout)["reports"]
    assert report["failures"][-1] == "each node's value is that of PyTorch within rounding"
    assert run_command("crbl-parity", *arguments, "--max-flips", "1").returncode == 2
    other = run_command("crbl-parity", crop.model, "--checkpoint", full.checkpoint, "--verify", photographs)
    assert other.returncode == 2
    assert re.search("exported from the checkpoint", other.stderr)


@pytest.mark.parametrize(("threshold", "decision"), [(0.0, True), (1.0, False)])
def test_a_threshold_at_the_end_of_the_scale_decides_all_alike(threshold: float, decision: bool) -> None:
    double = [-3.0, 2.0]
    same = np.array([decision, decision])
    assert compare(parity_set(double), np.array(double), same, threshold=threshold, provider="cpu").passed
    other = np.array([decision, not decision])
    assert compare(parity_set(double), np.array(double), other, threshold=threshold, provider="cpu").flips == 1


def test_all_providers_of_the_machine_are_checked_and_one_failure_is_a_failure(
    crop: Trained, checkpoint: Checkpoint, photographs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CPU provider stands in for a GPU's; one that does not start is told and is no failure."""
    from crbl_export.parity import providers as module

    few = read_parity_set(checkpoint, find_images(photographs)[:2], "photographs")
    monkeypatch.setattr(
        module.onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    gate = check_providers(crop.model, checkpoint, few)
    assert gate.passed
    assert [report.provider for report in gate.reports] == ["cpu"]
    assert "cuda" in gate.not_checked
    right = module.check_parity

    def off_on_cuda(*arguments: object, provider: str, **options: object) -> ParityReport:
        tolerance = 0.0 if provider == "cuda" else None
        return right(*arguments, **options | {"provider": "cpu", "tolerance": tolerance})  # type: ignore[arg-type]

    monkeypatch.setattr(module, "check_parity", off_on_cuda)
    gate = check_providers(crop.model, checkpoint, few)
    assert [report.passed for report in gate.reports] == [True, False]
    assert not gate.passed
    assert gate.to_dict()["passed"] is False
