"""A checkpoint becomes a file with its contract, or no file at all."""

import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from crbl_export import export as export_module
from crbl_export.export import export_checkpoint
from crbl_export.exporters.export_graph import export_graph
from crbl_export.find_checkpoint import newest_checkpoint
from crbl_export.graph import ExportGraph
from crbl_export.model_file import ModelFile
from crbl_export.options import ExportOptions
from crbl_export.parity.image_set import MADE_IMAGES, choose_images
from crbl_export.passes import PASSES
from crbl_runtime import Calibration, Detector
from crbl_runtime.errors import CheckpointError, ParityError, UsageError
from crbl_runtime.preprocessing import prepare
from crbl_runtime.verification.record import read_record
from crbl_training.checkpoint import METADATA_KEY, Checkpoint, load_checkpoint
from crbl_training.model.network_input import network_input
from public_commands import Trained, run_command, run_in_own_process
from small_checkpoint import small_checkpoint


@pytest.fixture(scope="module")
def file(crop: Trained) -> ModelFile:
    return ModelFile.from_bytes(crop.model.read_bytes(), "file")


def test_the_contract_has_what_the_checkpoint_has(crop: Trained, file: ModelFile) -> None:
    checkpoint, contract = load_checkpoint(crop.checkpoint), file.contract
    assert contract.preprocessing == checkpoint.preprocessing
    assert (contract.variant, contract.threshold) == ("crop", 0.01)
    assert contract.training["checkpoint_hash"] == checkpoint.hash
    assert contract.parity is not None
    assert contract.parity["images"] == 16
    assert contract.parity["flips"] == 0
    assert str(crop.checkpoint.parent) not in contract.to_json(), "folders of a machine have no place in the file"


def test_inputs_and_outputs_are_those_of_the_contract(crop: Trained) -> None:
    session = onnxruntime.InferenceSession(crop.model)
    signature = {value.name: (value.type, value.shape) for value in (*session.get_inputs(), *session.get_outputs())}
    assert signature == {
        "image": ("tensor(uint8)", ["batch", 128, 128, 3]),
        "probability": ("tensor(float)", ["batch"]),
        "logit": ("tensor(float)", ["batch"]),
        "heatmap": ("tensor(float)", ["batch", 4, 4]),
    }


def test_the_graph_has_the_lean_head_and_nothing_directml_refuses(file: ModelFile) -> None:
    model = file.graph
    operators = Counter(node.op_type for node in model.graph.node)
    absent = {"Sign", "ReduceL2", "Gemm", "BatchNormalization", "Pad", "Einsum", "Identity", "Shape"}
    assert not absent & set(operators)
    assert operators["Conv"] == 2 * 81
    assert operators["ReduceSum"] == 5, "two sums over a matrix in two steps each, and that of the heatmap"
    assert sum(operators.values()) <= 510
    for node in model.graph.node:
        if node.op_type == "Reshape":
            assert all(attribute.name != "allowzero" or attribute.i == 0 for attribute in node.attribute)
    assert not any(tensor.external_data for tensor in model.graph.initializer)
    assert model.ir_version == 8
    assert {entry.domain: entry.version for entry in model.opset_import} == {"": 18}


def test_another_process_exports_the_same_bytes_and_reports_json(crop: Trained, tmp_path: Path) -> None:
    target = tmp_path / "again" / crop.model.name
    result = run_in_own_process(
        "crbl-export",
        *("--variant", "crop", "--heatmap", "--checkpoint", crop.checkpoint, "-o", target, "--json"),
    )
    assert result.returncode == 0, result.stderr
    assert target.read_bytes() == crop.model.read_bytes()
    assert target.with_suffix(".md").read_bytes() == crop.model.with_suffix(".md").read_bytes()
    assert read_record(target.with_suffix(".parity.json")) == read_record(crop.model.with_suffix(".parity.json"))
    report = json.loads(result.stdout)
    assert report["report"] == str(target.with_suffix(".parity.json"))
    assert (report["model"], report["card"]) == (str(target), str(target.with_suffix(".md")))
    assert (report["provider"], report["images"], report["passed"]) == ("cpu", 16, True)
    assert (report["other_providers"], report["not_checked"], report["divergence"]) == ([], {}, None)


def test_a_calibration_travels_in_the_contract_and_changes_nothing_else(
    small: Trained, few_photographs: Path, tmp_path: Path
) -> None:
    calibration = Calibration("platt", slope=1.5, intercept=-2.0, images=40, anomalies=12, data_hash="ab" * 32)
    plain = ModelFile.from_bytes(small.model.read_bytes(), "plain")
    calibrated = replace(load_checkpoint(small.checkpoint), calibration=calibration)
    export_checkpoint(
        calibrated,
        choose_images(small.checkpoint, few_photographs),
        tmp_path / "m.onnx",
        ExportOptions(opset=17, heatmap=True),
    )
    file = ModelFile.from_bytes((tmp_path / "m.onnx").read_bytes(), "calibrated")
    assert file.contract.calibration == calibration
    sha256 = plain.contract.payload_sha256
    assert replace(file.contract, calibration=None, payload_sha256=sha256) == plain.contract
    assert file.graph.graph.SerializeToString() == plain.graph.graph.SerializeToString()
    images = sorted(few_photographs.iterdir())
    with Detector(small.model, "cpu") as before, Detector(tmp_path / "m.onnx", "cpu") as after:
        for one, other in zip(before.predict_many(images), after.predict_many(images), strict=True):
            assert other.calibrated_probability == calibration.probability(one.logit)
            assert replace(other, calibrated_probability=None) == one


@pytest.mark.parametrize(("trained", "opset"), [("full", 17), ("crop", 18)])
def test_every_opset_computes_the_same(trained: str, opset: int, request: pytest.FixtureRequest) -> None:
    """19 and 20 are exported in test_exporters.py."""
    exported: Trained = request.getfixturevalue(trained)
    checkpoint, model = load_checkpoint(exported.checkpoint), onnx.load(exported.model)
    assert {entry.domain: entry.version for entry in model.opset_import} == {"": opset}
    size = checkpoint.preprocessing.image_size
    images = np.random.default_rng(0).integers(0, 256, (3, size, size, 3), dtype=np.uint8)
    session = onnxruntime.InferenceSession(exported.model)
    probability, logit = session.run(["probability", "logit"], {"image": images})
    network = checkpoint.build_model()
    with torch.no_grad():
        float32 = network(network_input(torch.from_numpy(images), checkpoint.preprocessing)).numpy()
        x = network_input(torch.from_numpy(images), checkpoint.preprocessing, torch.float64)
        expected = network.double()(x).numpy()
    assert np.max(np.abs(logit - expected)) <= max(10 * np.max(np.abs(float32 - expected)), 1e-4)
    assert np.allclose(probability, 1 / (1 + np.exp(-logit)), atol=1e-6)


@pytest.mark.parametrize(
    "spec",
    [
        {"channel_order": "bgr"},
        {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
        {"divisor": 1.0, "mean": (127.0, 127.0, 127.0), "std": (128.0, 128.0, 128.0)},
    ],
)
def test_channel_order_and_scale_are_in_the_graph(spec: dict[str, object]) -> None:
    checkpoint = small_checkpoint(**spec)
    network = checkpoint.build_model()
    model = export_graph(ExportGraph(network, checkpoint.preprocessing, heatmap=False), 17, "torchscript")
    for change in PASSES:
        model = change(model)
    images = np.random.default_rng(1).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    logit = onnxruntime.InferenceSession(model.SerializeToString()).run(["logit"], {"image": images})[0]
    with torch.no_grad():
        x = torch.from_numpy(images).permute(0, 3, 1, 2).double()
        x = x.flip(1) if checkpoint.preprocessing.channel_order == "bgr" else x
        mean, std = (
            torch.tensor(v).view(1, 3, 1, 1) for v in (checkpoint.preprocessing.mean, checkpoint.preprocessing.std)
        )
        expected = network.double()((x / checkpoint.preprocessing.divisor - mean) / std).numpy()
    assert np.max(np.abs(logit - expected)) < 1e-4


def test_a_black_image_gives_a_finite_logit(small: Trained) -> None:
    images = np.zeros((1, 64, 64, 3), np.uint8)
    outputs = onnxruntime.InferenceSession(small.model).run(None, {"image": images})
    assert all(np.isfinite(output).all() for output in outputs)


def pytorch_heatmap(checkpoint: Checkpoint, images: np.ndarray, dtype: torch.dtype) -> np.ndarray:
    network = checkpoint.build_model().to(dtype)
    with torch.no_grad():
        x = network_input(torch.from_numpy(images), checkpoint.preprocessing, dtype)
        return network.heatmap(*network.features(x)).numpy()


def test_the_heatmap_is_that_of_pytorch(crop: Trained, photographs: Path) -> None:
    checkpoint = load_checkpoint(crop.checkpoint)
    images = np.stack([prepare(path, checkpoint.preprocessing).pixels for path in sorted(photographs.iterdir())[::8]])
    heatmap = onnxruntime.InferenceSession(crop.model).run(["heatmap"], {"image": images})[0]
    float32, float64 = (pytorch_heatmap(checkpoint, images, dtype) for dtype in (torch.float32, torch.float64))
    # The gate's own measure: where an image's products are near zero, PyTorch in float32 is off by 1e-4 as well.
    error_torch, error_onnx = (np.max(np.abs(given - float64)) for given in (float32, heatmap))
    assert error_onnx <= max(10 * error_torch, 1e-4)
    assert error_torch < 1e-3 * np.max(np.abs(float64))


def test_a_file_that_fails_the_gate_is_not_left_behind(
    small: Trained, small_file: ModelFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One broken weight stands for any fault of an exporter."""
    tensor = max(small_file.graph.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    reader = next(node for node in small_file.graph.graph.node if tensor.name in node.input)
    values = numpy_helper.to_array(tensor).copy()
    values.reshape(-1)[:2000] += 1.0
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    monkeypatch.setattr(export_module, "build_model_file", lambda trained, options: small_file)
    target = tmp_path / "model.onnx"
    target.write_bytes(b"the old file")
    with pytest.raises(ParityError, match="does not decide as PyTorch does") as error:
        export_checkpoint(load_checkpoint(small.checkpoint), MADE_IMAGES, target)
    assert f"First divergent node: {reader.name} " in str(error.value)
    assert target.read_bytes() == b"the old file"
    assert list(tmp_path.iterdir()) == [target]


def test_the_newest_checkpoint_is_found(small: Trained, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="crbl-train --variant crop"):
        newest_checkpoint("crop", tmp_path)
    for name in ("runs/old/CRBL_250101_pytorch_directml_crop", "runs/new/CRBL_240101_pytorch_directml_crop"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).with_suffix(".safetensors").write_bytes(small.checkpoint.read_bytes())
    assert newest_checkpoint("crop", tmp_path).parent.name == "new"


def with_image_size(checkpoint: Path, image_size: int, target: Path) -> None:
    """A copy of a checkpoint that claims another image size."""
    with safe_open(checkpoint, "pt") as file:
        metadata = json.loads(file.metadata()[METADATA_KEY])
    metadata["preprocessing"]["image_size"] = image_size
    save_file(load_file(checkpoint), target, metadata={METADATA_KEY: json.dumps(metadata)})


@pytest.fixture
def folder(tmp_path: Path, small: Trained) -> Path:
    """Checkpoints that cannot be exported, a folder without images, and a file that stands in the way."""
    (tmp_path / "broken.safetensors").write_bytes(small.checkpoint.read_bytes()[:1000])
    (tmp_path / "weights.pth").write_bytes(small.checkpoint.with_suffix(".pth").read_bytes())
    save_file(load_file(small.checkpoint), tmp_path / "foreign.safetensors")
    with_image_size(small.checkpoint, 16, tmp_path / "tiny.safetensors")
    (tmp_path / "existing.onnx").write_bytes(b"precious")
    (tmp_path / "empty").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("code", "message", "options"),
    [
        (2, "'crop', 'full'", {"--variant": "Full"}),
        (2, "variant crop, but full was asked for", {"--variant": "full"}),
        (2, "'none.pth' does not exist", {"--checkpoint": "none.pth"}),
        (2, "no safetensors file", {"--checkpoint": "broken.safetensors"}),
        (2, "has no weights.safetensors beside it", {"--checkpoint": "weights.pth"}),
        (2, "is no CRBL checkpoint", {"--checkpoint": "foreign.safetensors"}),
        (2, "image_size is 16, expected", {"--checkpoint": "tiny.safetensors"}),
        (2, "--force", {"-o": "existing.onnx"}),
        (2, "17<=x<=20", {"--opset": "21"}),
        (4, "holds no images", {"--verify": "empty"}),
    ],
)
def test_what_cannot_be_exported_has_a_reason_and_leaves_nothing(
    folder: Path, small: Trained, code: int, message: str, options: dict[str, str]
) -> None:
    before = {path.name for path in folder.iterdir()}
    given = {"--variant": "crop", "--checkpoint": small.checkpoint, "-o": "out.onnx"} | options
    result = run_command("crbl-export", *(part for option in given.items() for part in option), cwd=folder)
    assert result.returncode == code, result.stderr
    assert message.lower() in result.stderr.lower()
    assert "Traceback" not in result.stderr
    assert (folder / "existing.onnx").read_bytes() == b"precious"
    assert {path.name for path in folder.iterdir()} == before


def test_an_unknown_opset_is_a_usage_error() -> None:
    checkpoint = small_checkpoint()
    with pytest.raises(UsageError, match="17 to 20"):
        export_graph(ExportGraph(checkpoint.build_model(), checkpoint.preprocessing, heatmap=False), 22, "torchscript")


def test_providers_that_were_not_checked_are_in_the_json(
    small: Trained, small_file: ModelFile, few_photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_module, "build_model_file", lambda trained, options: small_file)
    monkeypatch.setattr(
        "onnxruntime.get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    result = run_command(
        "crbl-export", "--variant", "crop", "--checkpoint", small.checkpoint, "--verify", few_photographs,
        "-o", tmp_path / "model.onnx", "--json",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert list(report["not_checked"]) == ["cuda"]
    assert "cuda" in report["not_checked"]["cuda"]


def test_the_runtime_alone_needs_neither_torch_nor_onnx(crop: Trained, photographs: Path) -> None:
    script = (
        "import sys, json\n"
        "from crbl_runtime import Detector\n"
        "prediction = Detector(sys.argv[1]).predict(sys.argv[2])\n"
        "loaded = [name for name in ('torch', 'onnx', 'timm', 'sklearn') if name in sys.modules]\n"
        "print(json.dumps([prediction.logit, loaded]))"
    )
    arguments = [sys.executable, "-c", script, str(crop.model), str(photographs / "coffee_0.png")]
    logit, loaded = json.loads(subprocess.run(arguments, capture_output=True, text=True, check=True).stdout)
    assert loaded == []
    assert np.isfinite(logit)
