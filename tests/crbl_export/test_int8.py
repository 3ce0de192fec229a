"""int8: small, inaccurate, and refused where it decides otherwise."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from crbl_export.directml.check import check_directml
from crbl_export.parity import ParitySet, compare
from crbl_export.precision.calibration import read_calibration
from crbl_export.precision.int8 import quantize
from crbl_export.reference import Reference, reference_logits
from crbl_runtime import Detector
from crbl_runtime.errors import DataError
from crbl_runtime.preprocessing import PreprocessingSpec, prepare
from crbl_runtime.session import Provider
from crbl_training.checkpoint import load_checkpoint, save_checkpoint
from real_line import Trained, run_command


def export(crop: Trained, target: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return run_command(
        "crbl-export",
        *("--variant", "crop", "--checkpoint", crop.checkpoint, "--precision", "int8", "-o", target),
        *arguments,
    )


@pytest.mark.slow
def test_a_trained_model_in_8_bits(crop: Trained, grains: Path, tmp_path: Path) -> None:
    target = tmp_path / "model.onnx"
    pictures = ("--calibrate", grains / "train", "--verify", grains / "images" / "test")
    exported = export(crop, target, *pictures, "--heatmap")
    assert exported.returncode == 0, exported.stderr
    assert "experimental" in exported.stderr
    assert target.stat().st_size <= 0.45 * crop.model.stat().st_size
    model = onnx.load(target)
    assert check_directml(model).findings == ()
    assert len(list(model.graph.input)) == 1
    assert [value.name for value in model.graph.output] == ["probability", "logit", "heatmap"]
    with Detector(target) as detector:
        contract = detector.contract
        detector._require_correct(Provider("cpu"))
    assert contract.precision == "int8"
    calibration = read_calibration(grains / "train", contract.preprocessing)
    assert contract.export["calibration"] == {"pictures": 64, "hash": calibration.hash}
    assert "accuracy" in contract.export["experimental"]
    assert contract.parity is not None
    assert (contract.parity["flips"], contract.parity["max_flips"], contract.parity["margin"]) == (0, 0.005, 0.0)

    again = run_command("crbl-parity", target, "--checkpoint", crop.checkpoint, *pictures[2:], "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["reports"][0]["max_flips"] == 0.005

    refused = export(crop, target, *pictures, "--tolerance", "1e-3", "--force")
    assert refused.returncode == 1
    assert "a logit is off by" in refused.stderr


def test_the_head_keeps_its_precision_and_only_pointwise_convolutions_lose_theirs(crop: Trained) -> None:
    model = onnx.load(crop.model)
    images = np.random.default_rng(0).integers(0, 256, (2, 128, 128, 3), dtype=np.uint8)
    quantized = quantize(model, images)
    producers = {name: node.op_type for node in quantized.graph.node for name in node.output}
    weights = {tensor.name: tensor for tensor in quantized.graph.initializer}
    readers = [node.op_type for node in quantized.graph.node if producers.get(node.input[0]) == "DequantizeLinear"]
    assert set(readers) == {"Conv"}
    assert len(readers) == 64, "two backbones of 15 blocks with two and one with one, and the last"
    for node in quantized.graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in weights:
            assert weights[node.input[0]].data_type in (TensorProto.INT8, TensorProto.INT32)
    assert sum(node.op_type == "Conv" for node in quantized.graph.node) == 2 * 81


def test_convolutions_that_share_a_bias_are_quantised_apart() -> None:
    """The names are such that the quantizer's own copy of the bias, v1 and a 1 behind it, would be the last value."""
    kernel = np.random.default_rng(0).standard_normal((3, 3, 1, 1)).astype(np.float32)
    nodes = [
        helper.make_node("Transpose", ["image"], ["v20"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["v20"], ["v21"], to=TensorProto.FLOAT),
        helper.make_node("Conv", ["v21", "w", "v1"], ["v10"], name="first"),
        helper.make_node("Conv", ["v10", "w", "v1"], ["v11"], name="second"),
        helper.make_node("Conv", ["v11", "w", "v1"], ["logit"], name="third"),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, 4, 4, 3])],
        [helper.make_tensor_value_info("logit", TensorProto.FLOAT, [1, 3, 4, 4])],
        [numpy_helper.from_array(kernel, "w"), numpy_helper.from_array(np.zeros(3, np.float32), "v1")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    quantized = quantize(model, np.random.default_rng(1).integers(0, 256, (4, 4, 4, 3), dtype=np.uint8))
    onnx.checker.check_model(quantized, full_check=True)
    outputs = [name for node in quantized.graph.node for name in node.output]
    assert len(outputs) == len(set(outputs))


def test_more_flips_than_allowed_are_refused() -> None:
    double = np.array([1.0] * 199 + [0.2])
    pictures = ParitySet(("picture",) * 200, (b"",) * 200, Reference(double, double), (), "numbers")
    logits = np.array([1.0] * 199 + [-0.2])
    options = {"threshold": 0.5, "provider": "cpu", "tolerance": 3.0, "margin": 0.0}
    allowed = compare(pictures, logits, logits > 0, **options, max_flips=0.005)
    assert allowed.passed
    assert (allowed.flips, allowed.max_flips) == (1, 0.005)
    refused = compare(pictures, logits, logits > 0, **options, max_flips=0.004)
    assert refused.failures == ("1 of 200 decisions differ, at most 0.004 of them may",)
    assert compare(pictures, logits, logits > 0, threshold=0.5, provider="cpu", tolerance=3.0).flips == 0


@pytest.mark.slow
def test_flips_of_a_real_file_are_refused(crop: Trained, grains: Path, photographs: Path, tmp_path: Path) -> None:
    """The threshold is put between the pictures' logits, where 8 bits cannot but change decisions."""
    checkpoint = load_checkpoint(crop.checkpoint)
    images = np.stack([prepare(path, checkpoint.preprocessing).pixels for path in sorted(photographs.iterdir())])
    middle = float(np.median(reference_logits(checkpoint, images).double))
    moved = replace(checkpoint, threshold=1 / (1 + np.exp(-middle)))
    _, moved_path = save_checkpoint(moved, tmp_path / "CRBL_250101_pytorch_directml_crop")
    target = tmp_path / "model.onnx"
    refused = export(Trained(moved_path, target), target, "--calibrate", grains / "train", "--verify", photographs)
    assert refused.returncode == 1, refused.stderr
    assert "of 40 decisions differ, at most 0.005 of them may" in refused.stderr
    assert not target.exists()


def test_what_cannot_be_calibrated_on_says_why(crop: Trained, grains: Path, photographs: Path, tmp_path: Path) -> None:
    target = tmp_path / "model.onnx"
    missing = export(crop, target)
    assert missing.returncode == 2
    assert "--calibrate" in missing.stderr
    needless = run_command(
        "crbl-export", "--variant", "crop", "--checkpoint", crop.checkpoint, "--calibrate", grains, "-o", target
    )
    assert needless.returncode == 2
    assert "Leave --calibrate out" in needless.stderr
    assert not target.exists()
    spec = PreprocessingSpec(region="whole", image_size=64)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no pictures"):
        read_calibration(tmp_path / "empty", spec)
    with pytest.raises(DataError, match="no folder"):
        read_calibration(tmp_path / "none", spec)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.png").write_bytes((photographs / "coffee_0.png").read_bytes())
    (tmp_path / "broken" / "b.png").write_bytes(b"broken")
    with pytest.raises(DataError, match=r"b\.png"):
        read_calibration(tmp_path / "broken", spec)


def test_calibration_pictures_are_prepared_as_the_runtime_prepares_them(photographs: Path) -> None:
    spec = PreprocessingSpec(region="border", image_size=64)
    calibration = read_calibration(photographs, spec)
    for path, image in zip(sorted(photographs.iterdir()), calibration.images, strict=True):
        assert np.array_equal(image, prepare(path, spec).pixels)
