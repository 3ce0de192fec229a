"""The gate passes what decides as PyTorch does, and nothing else."""

import json
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from crbl_export.parity import ParityReport, ParitySet, check_parity, compare, read_parity_set
from crbl_export.reference import Reference
from crbl_runtime.errors import ModelFileError, ParityError, UsageError
from crbl_runtime.picture_folder import find_pictures
from crbl_training.checkpoint import Checkpoint, load_checkpoint
from real_line import Trained, run_command


@pytest.fixture(scope="module")
def checkpoint(crop: Trained) -> Checkpoint:
    return load_checkpoint(crop.checkpoint)


@pytest.fixture(scope="module")
def pictures(checkpoint: Checkpoint, photographs: Path) -> ParitySet:
    return read_parity_set(checkpoint, find_pictures(photographs), "photographs")


def parity_set(double: list[float], single: list[float] | None = None) -> ParitySet:
    count = len(double)
    reference = Reference(np.array(double), np.array(single if single is not None else double))
    return ParitySet(tuple(f"picture {n}" for n in range(count)), (b"",) * count, reference, (), "numbers")


def compared(double: list[float], file: list[float], **options: object) -> ParityReport:
    decisions = np.array(file) > 0
    return compare(parity_set(double), np.array(file), decisions, threshold=0.5, provider="cpu", **options)


def test_a_trained_crop_model_passes_on_real_pictures(
    crop: Trained, checkpoint: Checkpoint, pictures: ParitySet
) -> None:
    report = check_parity(crop.model, checkpoint, pictures)
    assert report.passed, report.failures
    assert report.pictures == 40
    assert 0 < report.error_torch < 1e-4
    assert 0 < report.error_file <= report.limit == max(10 * report.error_torch, 1e-4)
    assert report.flips == 0
    assert pictures.reference.double.std() > 1e-3, "pictures that all score the same prove nothing"


def test_a_trained_full_model_passes_on_real_pictures(full: Trained, photographs: Path) -> None:
    checkpoint = load_checkpoint(full.checkpoint)
    report = check_parity(
        full.model, checkpoint, read_parity_set(checkpoint, find_pictures(photographs), "photographs")
    )
    assert report.passed, report.failures
    assert report.threshold == 0.5


@pytest.mark.parametrize("position", ["first", "middle", "head"])
def test_one_changed_weight_fails_the_gate(
    crop: Trained, checkpoint: Checkpoint, pictures: ParitySet, tmp_path: Path, position: str
) -> None:
    model = onnx.load(crop.model)
    convolutions = [node.input[1] for node in model.graph.node if node.op_type == "Conv"]
    sizes = {tensor.name: len(tensor.raw_data) for tensor in model.graph.initializer}
    name = {"first": convolutions[0], "middle": convolutions[80], "head": max(sizes, key=lambda name: sizes[name])}
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == name[position])
    values = numpy_helper.to_array(tensor).copy()
    flat = values.reshape(-1)
    index = int(np.argmax(np.abs(flat)))
    flat[index] += 0.5 * max(float(np.abs(flat[index])), 1.0)
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    changed = tmp_path / "changed.onnx"
    onnx.save(model, changed)
    report = check_parity(changed, checkpoint, pictures)
    assert not report.passed
    assert report.error_file > report.limit


def test_the_report_names_the_worst_picture_and_counts_flips() -> None:
    report = compared([-3.0, 0.5, 2.0], [-3.0, -0.5, 2.0])
    assert not report.passed
    assert report.worst_picture == "picture 1"
    assert (report.flips, report.flips_within_margin) == (1, 0)
    assert report.error_file == 1.0


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
    assert report.worst_picture == "picture 1"
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
        read_parity_set(checkpoint, [tmp_path / "broken.png"], "broken pictures")


def test_pictures_that_cannot_be_read_are_named(checkpoint: Checkpoint, photographs: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"broken")
    paths = [photographs / "coffee_0.png", tmp_path / "broken.png"]
    found = read_parity_set(checkpoint, paths, "some")
    assert len(found.names) == 1
    assert found.unreadable == (str(tmp_path / "broken.png"),)


def test_a_file_of_another_checkpoint_is_refused(full: Trained, checkpoint: Checkpoint, pictures: ParitySet) -> None:
    with pytest.raises(UsageError, match="not from"):
        check_parity(full.model, checkpoint, pictures)
    with pytest.raises(ModelFileError):
        check_parity(full.checkpoint, checkpoint, pictures)


def test_the_command_gives_json_and_exit_codes(crop: Trained, full: Trained, photographs: Path) -> None:
    arguments = (crop.model, "--checkpoint", crop.checkpoint, "--verify", photographs, "--json")
    passed = run_command("crbl-parity", *arguments)
    assert passed.returncode == 0, passed.stderr
    report = json.loads(passed.stdout)
    assert report["passed"]
    assert report["schema_version"] == 1
    assert report["pictures"] == 40
    failed = run_command("crbl-parity", *arguments, "--tolerance", "1e-9")
    assert failed.returncode == 1
    assert json.loads(failed.stdout)["failures"]
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
