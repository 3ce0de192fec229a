"""fp16: weights stored in half precision, a float32 network computed."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, numpy_helper
from torch.torch_version import TorchVersion

from crbl_export.build import build_model_file
from crbl_export.export import export_checkpoint
from crbl_export.exporters.export_graph import DYNAMO_TORCH
from crbl_export.gate import check_parity
from crbl_export.model_card.beside_model import report_path
from crbl_export.model_file import ModelFile
from crbl_export.options import ExportOptions
from crbl_export.parity.image_set import MADE_IMAGES, ImageFiles, read_image_set
from crbl_export.parity.limits import SELF_TEST_TOLERANCE, SMALLEST_LIMIT
from crbl_export.parity.providers import check_provider
from crbl_export.parity.reference import float64_logits
from crbl_export.precision.rounded import as_stored, rounded_to_half
from crbl_export.precision.stored import stored_in_half
from crbl_export.trained_model import TrainedModel
from crbl_runtime.errors import CheckpointError, ModelFileError, ParityError, UsageError
from crbl_runtime.image_folder import find_images
from crbl_runtime.self_test import self_test_images
from crbl_runtime.variant import CROP
from crbl_training.checkpoint import load_checkpoint
from crbl_training.keras.convert import Choices, convert
from public_commands import Trained, run_command
from small_checkpoint import decided_checkpoint

SHARED = Path(__file__).resolve().parents[4] / "shared" / "keras"
FP16 = ExportOptions(opset=17, precision="fp16")


@pytest.fixture(scope="module")
def trained(small: Trained) -> TrainedModel:
    return TrainedModel.of(load_checkpoint(small.checkpoint))


@pytest.fixture(scope="module")
def rounded(trained: TrainedModel) -> TrainedModel:
    return rounded_to_half(trained)


@pytest.fixture(scope="module")
def float32(small: Trained) -> onnx.ModelProto:
    return onnx.load(small.model)


@pytest.fixture(scope="module")
def half(small_half: Trained) -> onnx.ModelProto:
    return onnx.load(small_half.model)


def weights(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def half_bytes(tensors: list[torch.nn.Parameter]) -> Iterator[bytes]:
    for tensor in tensors:
        half = tensor.detach().half()
        assert torch.equal(half.double(), tensor), "a rounded weight is a float16 value"
        yield half.numpy().tobytes()


def test_the_file_is_half_as_large_and_computes_in_float32(
    small: Trained, small_half: Trained, float32: onnx.ModelProto, half: onnx.ModelProto
) -> None:
    assert small_half.model.stat().st_size <= 0.505 * small.model.stat().st_size
    in_half = {name for name, values in weights(half).items() if values.dtype == np.float16}
    casts = [node for node in half.graph.node if not in_half.isdisjoint(node.input)]
    assert {node.op_type for node in casts} == {"Cast"}
    assert len(casts) == len(in_half)
    others = [node.op_type for node in half.graph.node if node not in casts]
    assert others == [node.op_type for node in float32.graph.node]
    assert (half.graph.input, half.graph.output) == (float32.graph.input, float32.graph.output)


@pytest.mark.parametrize("opset", [17, 18])
def test_the_file_stores_the_rounded_network_without_loss(rounded: TrainedModel, opset: int) -> None:
    """TorchScript writes opset 17; dynamo writes 18, where this torch has it. A bias of zeros is in no file."""
    file = build_model_file(rounded, ExportOptions(opset=opset, heatmap=True, precision="fp16"))
    has_dynamo = TorchVersion(torch.__version__) >= DYNAMO_TORCH
    assert file.contract.export["exporter"] == ("dynamo" if has_dynamo and opset == 18 else "torchscript")
    stored = [values for values in weights(file.graph).values() if values.dtype == np.float16]
    expected = [tensor for tensor in rounded.float64.parameters() if tensor.numel() >= 64 and tensor.any()]
    assert sorted(values.tobytes() for values in stored) == sorted(half_bytes(expected))
    assert max(values.size for values in weights(file.graph).values() if values.dtype == np.float32) < 64


def test_the_rounded_network_has_no_batchnorm_and_nearly_the_same_logits(
    trained: TrainedModel, rounded: TrainedModel
) -> None:
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in rounded.float32.modules())
    assert any(isinstance(module, torch.nn.BatchNorm2d) for module in trained.float32.modules()), "it stays as it was"
    assert rounded.checkpoint.hash == trained.checkpoint.hash
    images = self_test_images(trained.preprocessing.image_size)
    moved = np.max(np.abs(float64_logits(rounded, images) - float64_logits(trained, images)))
    assert 1e-3 < moved < 0.1, "weights without any rounding would prove nothing"
    for name, weight in rounded.float32.named_parameters():
        assert torch.equal(weight.double(), rounded.float64.get_parameter(name)), name


def test_the_file_is_compared_with_the_rounded_network_at_the_limit_of_float32(
    small_half: Trained, trained: TrainedModel, rounded: TrainedModel, photographs: Path
) -> None:
    files = ImageFiles(find_images(photographs).images[::2], "photographs")
    report = check_provider(small_half.model, read_image_set(files, rounded))
    assert report.passed, report.failures
    assert report.limit == max(10 * report.error_torch, SMALLEST_LIMIT)
    assert report.flips == 0
    assert not check_provider(small_half.model, read_image_set(files, trained)).passed


@pytest.mark.parametrize("level", ["ORT_ENABLE_BASIC", "ORT_ENABLE_EXTENDED"])
def test_onnxruntime_folds_the_casts(half: onnx.ModelProto, tmp_path: Path, level: str) -> None:
    """ORT_ENABLE_BASIC is what runs before nodes are given to providers."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 3  # It warns that such a file may fit this processor only.
    onnxruntime.InferenceSession(half.SerializeToString(), options, providers=["CPUExecutionProvider"])
    optimized = onnx.load(tmp_path / "optimized.onnx")
    assert {tensor.data_type for tensor in optimized.graph.initializer} == {TensorProto.FLOAT, TensorProto.INT64}
    (cast,) = (node for node in optimized.graph.node if node.op_type == "Cast")
    assert cast.input[0] not in weights(optimized), "the one that is left converts the image"
    stored = [values for values in weights(half).values() if values.dtype == np.float16]
    folded = {values.astype(np.float32).tobytes() for values in stored}
    assert folded <= {values.tobytes() for values in weights(optimized).values()}


def test_the_command_reports_what_rounding_changed(small_half: Trained) -> None:
    contract = ModelFile.from_bytes(small_half.model.read_bytes(), "half").contract
    assert contract.precision == "fp16"
    assert contract.self_test.tolerance == SELF_TEST_TOLERANCE
    assert contract.parity is not None
    assert contract.parity["error_onnx"] <= contract.parity["limit"] < 0.01
    assert 1e-3 < contract.parity["error_rounding"] < 0.1
    assert contract.parity["flips_rounding"] == 0
    text = (small_half.model.parent / "stdout.txt").read_text("utf-8")
    line = next(line for line in text.splitlines() if line.startswith("Weights rounded to half precision"))
    assert "0 decisions flip" in line
    assert float(line.partition("at most ")[2].split()[0]) == pytest.approx(contract.parity["error_rounding"], rel=0.05)
    card = small_half.model.with_suffix(".md").read_text("utf-8")
    assert f"| {contract.parity['error_rounding']:.1e} |" in card
    assert "rounding |" not in card, "each key has a title"


def test_the_commands_give_it_as_json_and_take_the_trained_checkpoint(
    small_half: Trained, few_photographs: Path, tmp_path: Path
) -> None:
    newest = tmp_path / "runs" / "new" / small_half.checkpoint.name
    newest.parent.mkdir(parents=True)
    shutil.copy(small_half.checkpoint, newest)
    options = ("--variant", "crop", "--precision", "fp16", "--opset", 17, "--heatmap", "-o", tmp_path / "half.onnx")
    exported = run_command("crbl-export", *options, "--verify", few_photographs, "--json", cwd=tmp_path)
    assert exported.returncode == 0, exported.stderr
    assert f"Newest checkpoint of crop: {newest.relative_to(tmp_path)}" in exported.stderr
    assert 1e-3 < json.loads(exported.stdout)["error_rounding"] < 0.1
    assert (tmp_path / "half.onnx").read_bytes() == small_half.model.read_bytes()
    arguments = (small_half.model, "--checkpoint", small_half.checkpoint, "--verify", few_photographs, "--json")
    again = run_command("crbl-parity", *arguments)
    assert again.returncode == 0, again.stderr
    (report,) = json.loads(again.stdout)["reports"]
    assert report["error_onnx"] <= report["limit"] < 0.01
    verified = run_command("crbl-verify", small_half.model, report_path(small_half.model), few_photographs)
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_a_checkpoint_that_rounding_changes_too_much_is_refused(tmp_path: Path) -> None:
    """A head eight times as large moves eight times as much, and the threshold stands where that flips a decision."""
    checkpoint = decided_checkpoint()
    checkpoint.state["classifier.weight"].mul_(8)
    trained, images = TrainedModel.of(checkpoint), self_test_images(checkpoint.preprocessing.image_size)
    before, after = float64_logits(trained, images), float64_logits(rounded_to_half(trained), images)
    boundary = ((before + after) / 2)[np.argmax(np.abs(before - after))]
    flipping = replace(checkpoint, threshold=float(1 / (1 + np.exp(-boundary))))
    with pytest.raises(ParityError, match=r"moves a logit by 0\.\d+, at most 0\.1 is allowed, and flips 1 of 4"):
        export_checkpoint(flipping, MADE_IMAGES, tmp_path / "model.onnx", FP16)
    assert list(tmp_path.iterdir()) == []


def test_a_weight_beyond_half_precision_is_refused(tmp_path: Path) -> None:
    checkpoint = decided_checkpoint()
    checkpoint.state["backbone2.blocks.1.0.bn2.weight"].mul_(1e6)
    with pytest.raises(ParityError, match=r"backbone2\.blocks\.1\.0\.conv_dw\.weight reach .*ends at 65504"):
        export_checkpoint(checkpoint, MADE_IMAGES, tmp_path / "model.onnx", FP16)
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_of_nan_is_wrong_itself(tmp_path: Path) -> None:
    checkpoint = decided_checkpoint()
    checkpoint.state["backbone2.blocks.1.0.bn2.weight"].fill_(float("nan"))
    with pytest.raises(CheckpointError, match="NaN or infinite logits in PyTorch"):
        export_checkpoint(checkpoint, MADE_IMAGES, tmp_path / "model.onnx", FP16)


def test_what_float16_does_not_have_is_not_stored(float32: onnx.ModelProto) -> None:
    """Else the rounded network would not be what the file computes."""
    with pytest.raises(ParityError, match=r"The tensor v\d+ \[.+\] of the graph does not hold the rounded weights"):
        stored_in_half(float32)


def test_a_precision_that_is_not_known_is_refused(small: Trained, small_file: ModelFile, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'bf16', expected fp32 or fp16"):
        ExportOptions(precision="bf16")
    unknown = replace(small_file, contract=replace(small_file.contract, precision="int8"))
    (tmp_path / "unknown.onnx").write_bytes(unknown.to_bytes())
    with pytest.raises(ModelFileError, match="'int8' in its contract, expected fp32 or fp16"):
        check_parity(tmp_path / "unknown.onnx", load_checkpoint(small.checkpoint), MADE_IMAGES)


def test_fp32_is_the_trained_network_itself(trained: TrainedModel) -> None:
    assert as_stored(trained, "fp32") is trained


@pytest.mark.skipif(not SHARED.is_dir(), reason="there is no ../shared/keras with files of TensorFlow")
@pytest.mark.slow
def test_the_weights_of_genuine_keras(few_photographs: Path, tmp_path: Path) -> None:
    checkpoint = convert(SHARED / "crbl_crop.legacy_w.h5", Choices(variant=CROP))
    files = ImageFiles(find_images(few_photographs).images, "photographs")
    gate = export_checkpoint(checkpoint, files, tmp_path / "half.onnx", FP16)
    assert gate.rounding is not None
    assert gate.rounding.error < 0.1
    assert gate.rounding.flips == 0
    reference = np.load(SHARED / "ref_k2.npz")
    session = onnxruntime.InferenceSession(tmp_path / "half.onnx")
    logits = session.run(["logit"], {"image": reference["x_uint8_128"]})[0]
    expected = reference["logit_128"].ravel().astype(np.float64)
    assert 1e-4 < np.max(np.abs(logits - expected)) < 0.1
    assert np.array_equal(logits > np.log(0.01 / 0.99), expected > np.log(0.01 / 0.99))
