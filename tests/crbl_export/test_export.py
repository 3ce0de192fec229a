"""A checkpoint becomes a file with its contract, or no file at all."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from crbl_export.export import build_model_file, export_checkpoint, metadata_text, serialize
from crbl_export.exporters import OPSETS
from crbl_export.find_checkpoint import newest_checkpoint
from crbl_export.parity.image_set import parity_set
from crbl_runtime.contract import ModelContract
from crbl_runtime.errors import CheckpointError, ParityError, UsageError
from crbl_runtime.preprocessing import prepare
from crbl_training.checkpoint import METADATA_KEY, Checkpoint, load_checkpoint, save_checkpoint
from crbl_training.model.network_input import network_input
from public_commands import Trained, run_command
from small_checkpoint import small_checkpoint

# TorchScript writes it, in a tenth of the time that dynamo takes.
QUICK_OPSET = 17


@pytest.fixture(scope="module")
def model(crop: Trained) -> onnx.ModelProto:
    return onnx.load(crop.model)


def test_the_contract_says_what_the_checkpoint_says(crop: Trained, model: onnx.ModelProto) -> None:
    checkpoint = load_checkpoint(crop.checkpoint)
    contract = ModelContract.from_json(metadata_text(model), "file")
    assert contract.preprocessing == checkpoint.preprocessing
    assert (contract.variant, contract.threshold) == ("crop", 0.01)
    assert contract.training["checkpoint_hash"] == checkpoint.hash
    assert contract.parity is not None
    assert contract.parity["images"] == 16
    assert contract.parity["flips"] == 0
    assert str(crop.checkpoint.parent) not in metadata_text(model), "folders of a machine have no place in the file"


def test_inputs_and_outputs_are_those_of_the_contract(model: onnx.ModelProto) -> None:
    session = onnxruntime.InferenceSession(model.SerializeToString())
    signature = {value.name: (value.type, value.shape) for value in (*session.get_inputs(), *session.get_outputs())}
    assert signature == {
        "image": ("tensor(uint8)", ["batch", 128, 128, 3]),
        "probability": ("tensor(float)", ["batch"]),
        "logit": ("tensor(float)", ["batch"]),
        "heatmap": ("tensor(float)", ["batch", 4, 4]),
    }


def test_the_graph_has_the_lean_head_and_nothing_directml_refuses(model: onnx.ModelProto) -> None:
    operators = Counter(node.op_type for node in model.graph.node)
    absent = {"Sign", "ReduceL2", "Gemm", "BatchNormalization", "Pad", "Einsum", "Identity", "Shape"}
    assert not absent & set(operators)
    assert operators["Conv"] == 2 * 81
    assert sum(operators.values()) <= 510
    for node in model.graph.node:
        if node.op_type == "Reshape":
            assert all(attribute.name != "allowzero" or attribute.i == 0 for attribute in node.attribute)
    assert not any(tensor.external_data for tensor in model.graph.initializer)
    assert model.ir_version <= 10
    assert {entry.domain: entry.version for entry in model.opset_import} == {"": 18}


def test_exporting_twice_in_two_processes_gives_the_same_bytes(crop: Trained, tmp_path: Path) -> None:
    for name in ("first", "second"):
        target = tmp_path / name / "model.onnx"
        result = run_command(
            "crbl-export", "--variant", "crop", "--checkpoint", crop.checkpoint, "--heatmap", "-o", target
        )
        assert result.returncode == 0, result.stderr
    first, second = (tmp_path / name / "model.onnx" for name in ("first", "second"))
    assert first.read_bytes() == second.read_bytes() == crop.model.read_bytes()
    assert first.with_suffix(".md").read_bytes() == second.with_suffix(".md").read_bytes()


@pytest.mark.parametrize("opset", list(OPSETS))
def test_every_opset_computes_the_same(opset: int) -> None:
    checkpoint = small_checkpoint()
    file = build_model_file(checkpoint, opset=opset, heatmap=False)
    assert {entry.domain: entry.version for entry in file.opset_import} == {"": opset}
    assert len(file.graph.node) <= 500
    images = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    probability, logit = onnxruntime.InferenceSession(serialize(file)).run(None, {"image": images})
    with torch.no_grad():
        expected = checkpoint.build_model()(network_input(torch.from_numpy(images), checkpoint.preprocessing)).numpy()
    assert np.max(np.abs(logit - expected)) < 1e-4
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
    file = serialize(build_model_file(checkpoint, opset=QUICK_OPSET, heatmap=False))
    images = np.random.default_rng(1).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    logit = onnxruntime.InferenceSession(file).run(["logit"], {"image": images})[0]
    with torch.no_grad():
        x = torch.from_numpy(images).permute(0, 3, 1, 2).double()
        x = x.flip(1) if checkpoint.preprocessing.channel_order == "bgr" else x
        mean, std = (
            torch.tensor(v).view(1, 3, 1, 1) for v in (checkpoint.preprocessing.mean, checkpoint.preprocessing.std)
        )
        expected = checkpoint.build_model().double()((x / checkpoint.preprocessing.divisor - mean) / std).numpy()
    assert np.max(np.abs(logit - expected)) < 1e-4


def test_a_black_image_gives_a_finite_logit() -> None:
    file = serialize(build_model_file(small_checkpoint(), opset=QUICK_OPSET, heatmap=True))
    images = np.zeros((1, 64, 64, 3), np.uint8)
    assert all(np.isfinite(output).all() for output in onnxruntime.InferenceSession(file).run(None, {"image": images}))


def pytorch_heatmap(checkpoint: Checkpoint, images: np.ndarray, dtype: torch.dtype) -> np.ndarray:
    network = checkpoint.build_model().to(dtype)
    with torch.no_grad():
        x = network_input(torch.from_numpy(images), checkpoint.preprocessing, dtype)
        return network.heatmap(*network.features(x)).numpy()


def test_the_heatmap_is_that_of_pytorch(crop: Trained, photographs: Path) -> None:
    checkpoint = load_checkpoint(crop.checkpoint)
    images = np.stack([prepare(path, checkpoint.preprocessing).pixels for path in sorted(photographs.iterdir())[::8]])
    heatmap = onnxruntime.InferenceSession(crop.model.read_bytes()).run(["heatmap"], {"image": images})[0]
    single, double = (pytorch_heatmap(checkpoint, images, dtype) for dtype in (torch.float32, torch.float64))
    # The gate's own measure: where an image's products are near zero, PyTorch in float32 is off by 1e-4 as well.
    error_torch, error_onnx = (np.max(np.abs(given - double)) for given in (single, heatmap))
    assert error_onnx <= max(10 * error_torch, 1e-4)
    assert error_torch < 1e-3 * np.max(np.abs(double))


def test_a_file_that_fails_the_gate_is_not_left_behind(crop: Trained, tmp_path: Path, monkeypatch) -> None:
    """A pass that breaks one weight stands for any fault of an exporter."""
    from crbl_export import export as module

    def break_one_weight(model: onnx.ModelProto) -> onnx.ModelProto:
        tensor = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
        values = onnx.numpy_helper.to_array(tensor).copy()
        values.reshape(-1)[:2000] += 1.0
        tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
        return model

    right = module.apply_passes
    monkeypatch.setattr(module, "apply_passes", lambda *given: break_one_weight(right(*given)))
    checkpoint = load_checkpoint(crop.checkpoint)
    target = tmp_path / "model.onnx"
    target.write_bytes(b"the old file")
    with pytest.raises(ParityError, match="does not decide as PyTorch does"):
        export_checkpoint(checkpoint, target, parity_set(checkpoint, crop.checkpoint, None), opset=18, heatmap=False)
    assert target.read_bytes() == b"the old file"
    assert list(tmp_path.iterdir()) == [target]


def test_the_newest_checkpoint_is_found_and_named(crop: Trained, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="crbl-train --variant crop"):
        newest_checkpoint("crop", tmp_path)
    checkpoint = load_checkpoint(crop.checkpoint)
    for name in ("runs/old/CRBL_250101_pytorch_directml_crop", "runs/new/CRBL_240101_pytorch_directml_crop"):
        save_checkpoint(checkpoint, tmp_path / name)
    assert newest_checkpoint("crop", tmp_path).parent.name == "new"
    result = run_command("crbl-export", "--variant", "crop", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "CRBL_240101_pytorch_directml_crop" in result.stdout
    assert "no real images were found" in result.stderr
    assert (tmp_path / "runs" / "new" / "CRBL_240101_pytorch_directml_crop.onnx").is_file()


def with_image_size(checkpoint: Path, image_size: int, target: Path) -> Path:
    """A copy of a checkpoint that claims another image size."""
    with safe_open(checkpoint, "pt") as file:
        metadata = json.loads(file.metadata()[METADATA_KEY])
    metadata["preprocessing"]["image_size"] = image_size
    save_file(load_file(checkpoint), target, metadata={METADATA_KEY: json.dumps(metadata)})
    return target


def test_what_cannot_be_exported_says_why_and_leaves_nothing(crop: Trained, tmp_path: Path) -> None:
    broken = tmp_path / "CRBL_250101_pytorch_directml_crop.safetensors"
    broken.write_bytes(crop.checkpoint.read_bytes()[:1000])
    unspecified = tmp_path / "weights.pth"
    torch.save(torch.load(crop.checkpoint.with_suffix(".pth"), weights_only=True), unspecified)
    foreign = tmp_path / "foreign.safetensors"
    save_file(load_file(crop.checkpoint), foreign)
    tiny = with_image_size(crop.checkpoint, 16, tmp_path / "tiny.safetensors")
    existing = tmp_path / "existing.onnx"
    existing.write_bytes(b"precious")
    (tmp_path / "empty").mkdir()
    cases = [
        (2, "'crop', 'full'", ["--variant", "Full"]),
        (2, "variant crop, but full was asked for", ["--variant", "full", "--checkpoint", crop.checkpoint]),
        (2, "there is no checkpoint", ["--variant", "crop", "--checkpoint", tmp_path / "none.pth"]),
        (2, "no safetensors file", ["--variant", "crop", "--checkpoint", broken]),
        (2, "has no weights.safetensors beside it", ["--variant", "crop", "--checkpoint", unspecified]),
        (2, "is no CRBL checkpoint", ["--variant", "crop", "--checkpoint", foreign]),
        (2, "image_size is 16, expected", ["--variant", "crop", "--checkpoint", tiny]),
        (2, "--force", ["--variant", "crop", "--checkpoint", crop.checkpoint, "-o", existing]),
        (2, "17<=x<=20", ["--variant", "crop", "--checkpoint", crop.checkpoint, "--opset", "21"]),
        (
            4,
            "holds no images",
            ["--variant", "crop", "--checkpoint", crop.checkpoint, "--verify", tmp_path / "empty"],
        ),
    ]
    before = {path.name for path in tmp_path.iterdir()}
    for code, message, arguments in cases:
        if "-o" not in arguments:
            arguments = [*arguments, "-o", tmp_path / "out.onnx"]
        result = run_command("crbl-export", *arguments)
        assert result.returncode == code, (arguments, result.stderr)
        assert message.lower() in result.stderr.lower()
        assert "Traceback" not in result.stderr
    assert existing.read_bytes() == b"precious"
    assert {path.name for path in tmp_path.iterdir()} == before


def test_an_unknown_opset_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="17 to 20"):
        build_model_file(small_checkpoint(), opset=22, heatmap=False)


def test_the_runtime_alone_needs_neither_torch_nor_onnx(crop: Trained, photographs: Path) -> None:
    script = (
        "import sys, json\n"
        "from crbl_runtime import Detector\n"
        "prediction = Detector(sys.argv[1]).predict(sys.argv[2])\n"
        "loaded = [name for name in ('torch', 'onnx', 'timm', 'PIL', 'sklearn') if name in sys.modules]\n"
        "print(json.dumps([prediction.logit, loaded]))"
    )
    arguments = [sys.executable, "-c", script, str(crop.model), str(photographs / "coffee_0.png")]
    logit, loaded = json.loads(subprocess.run(arguments, capture_output=True, text=True, check=True).stdout)
    assert loaded == []
    assert np.isfinite(logit)
