"""fp16: half the size, within its limit, and float32 where that is promised."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper, shape_inference

from crbl_export import export
from crbl_export.build import build_model_file
from crbl_export.copied import copied
from crbl_export.directml.check import check_directml
from crbl_export.export import export_checkpoint
from crbl_export.model_file import ModelFile
from crbl_export.options import ExportOptions
from crbl_export.parity.image_set import MADE_IMAGES, ImageFiles, ImageSet, read_image_set
from crbl_export.parity.limits import LIMITS
from crbl_export.parity.providers import check_provider
from crbl_export.parity.report import ParityReport
from crbl_export.precision.backbone_nodes import backbone_nodes
from crbl_export.precision.half_precision import half_precision
from crbl_export.precision.precisions import get_precision
from crbl_export.precision.rounded_half import rounded_to_half
from crbl_export.trained_model import TrainedModel
from crbl_runtime import Detector
from crbl_runtime.errors import ParityError, UnavailableError, UsageError
from crbl_runtime.image_folder import find_images
from crbl_runtime.provider_choice import run_self_test
from crbl_runtime.self_test import self_test_images
from crbl_runtime.session import Provider
from crbl_runtime.variant import CROP
from crbl_training.checkpoint import load_checkpoint, save_checkpoint
from crbl_training.keras.convert import Choices, convert
from public_commands import Trained, run_command
from small_checkpoint import decided_checkpoint

SHARED = Path(__file__).resolve().parents[4] / "shared" / "keras"
TOLERANCE = 0.1


def in_half(file: ModelFile) -> ModelFile:
    """A float32 file converted as an export converts it, with the contract it would have before the gate."""
    precision, contract = get_precision("fp16"), file.contract
    graph = precision.convert(file.graph)
    pixels = self_test_images(contract.preprocessing.image_size)
    tolerance = precision.self_test_tolerance(graph, pixels, np.array(contract.self_test.logits))
    self_test = replace(contract.self_test, tolerance=tolerance)
    return ModelFile(graph, replace(contract, precision="fp16", parity=None, self_test=self_test))


@pytest.fixture(scope="module")
def float32_file(crop: Trained) -> ModelFile:
    return ModelFile.from_bytes(crop.model.read_bytes(), "float32")


@pytest.fixture(scope="module")
def float32(float32_file: ModelFile) -> onnx.ModelProto:
    return float32_file.graph


@pytest.fixture(scope="module")
def half_file(float32_file: ModelFile) -> ModelFile:
    return in_half(float32_file)


@pytest.fixture(scope="module")
def half(half_file: ModelFile) -> onnx.ModelProto:
    return half_file.graph


def element_types(model: onnx.ModelProto) -> dict[str, int]:
    graph = shape_inference.infer_shapes(model, check_type=True, strict_mode=True).graph
    values = (*graph.input, *graph.output, *graph.value_info)
    types = {value.name: value.type.tensor_type.elem_type for value in values}
    return types | {tensor.name: tensor.data_type for tensor in graph.initializer}


def compared(file: ModelFile, images: ImageSet, folder: Path) -> ParityReport:
    (folder / "model.onnx").write_bytes(file.to_bytes())
    return check_provider(folder / "model.onnx", images, LIMITS["fp16"])


def test_only_the_backbones_compute_in_half(half: onnx.ModelProto) -> None:
    types = element_types(half)
    in_half = {node.op_type for node in half.graph.node if types[node.output[0]] == TensorProto.FLOAT16}
    assert in_half == {"Conv", "Sigmoid", "Mul", "Add", "Cast"}
    for node in half.graph.node:
        if node.op_type == "Conv":
            assert {types[name] for name in node.input} == {TensorProto.FLOAT16}
        if node.op_type == "MatMul" or node.op_type.startswith("Reduce"):
            assert types[node.input[0]] == TensorProto.FLOAT
    scalars = {float(numpy_helper.to_array(tensor)) for tensor in half.graph.initializer if not tensor.dims}
    assert float(np.float32(1e-12)) in scalars, "the floor under the products must not become float16's smallest value"


def test_inputs_and_outputs_are_those_of_float32(float32: onnx.ModelProto, half: onnx.ModelProto) -> None:
    assert list(half.graph.input) == list(float32.graph.input)
    assert list(half.graph.output) == list(float32.graph.output)


def test_the_file_is_half_as_large_stays_on_the_gpu_and_is_the_same_every_time(
    float32_file: ModelFile, half_file: ModelFile
) -> None:
    assert len(half_file.to_bytes()) <= 0.55 * len(float32_file.to_bytes())
    assert check_directml(half_file.graph).findings == ()
    assert in_half(float32_file).to_bytes() == half_file.to_bytes()


def test_a_trained_model_holds_the_limit_on_real_images(
    crop: Trained, half_file: ModelFile, photographs: Path, tmp_path: Path
) -> None:
    """The photographs are nothing like the grains it learned from, so that the error is near the largest there is."""
    files = ImageFiles(tuple(find_images(photographs)[::2]), "photographs")
    images = read_image_set(files, TrainedModel.of(load_checkpoint(crop.checkpoint)))
    for file in (half_file, replace(half_file, graph=rounded_to_half(half_file.graph))):
        report = compared(file, images, tmp_path)
        assert report.passed, report.failures
        assert report.flips == 0
        assert report.error_onnx > 1e-4


@pytest.mark.skipif(not SHARED.is_dir(), reason="there is no ../shared/keras with files of TensorFlow")
@pytest.mark.slow
def test_the_weights_of_genuine_keras_hold_the_limit(few_photographs: Path, tmp_path: Path) -> None:
    trained = TrainedModel.of(convert(SHARED / "crbl_crop.legacy_w.h5", Choices(variant=CROP)))
    half = build_model_file(trained, ExportOptions(opset=17, precision="fp16"))
    images = read_image_set(ImageFiles(tuple(find_images(few_photographs)), "photographs"), trained)
    reference = np.load(SHARED / "ref_k2.npz")
    expected = reference["logit_128"].ravel().astype(np.float64)
    for file in (half, replace(half, graph=rounded_to_half(half.graph))):
        report = compared(file, images, tmp_path)
        assert report.passed, report.failures
        session = onnxruntime.InferenceSession(file.to_bytes())
        logits = session.run(["logit"], {"image": reference["x_uint8_128"]})[0]
        assert 1e-4 < np.max(np.abs(logits - expected)) <= TOLERANCE
        assert np.array_equal(logits > np.log(0.01 / 0.99), expected > np.log(0.01 / 0.99))


def test_a_head_in_half_precision_fails_the_walk(float32: onnx.ModelProto) -> None:
    """What the walk above is for: a conversion that takes the head along."""
    broken = half_precision(float32)
    product = next(node for node in broken.graph.node if node.op_type == "MatMul")
    position = list(broken.graph.node).index(product)
    casts = [helper.make_node("Cast", [name], [f"{name}_16"], to=TensorProto.FLOAT16) for name in product.input]
    back = helper.make_node("Cast", ["product_16"], [product.output[0]], to=TensorProto.FLOAT)
    product.input[:] = [cast.output[0] for cast in casts]
    product.output[:] = ["product_16"]
    for node in reversed(casts):
        broken.graph.node.insert(position, node)
    broken.graph.node.insert(position + 3, back)
    with pytest.raises(AssertionError):
        test_only_the_backbones_compute_in_half(broken)


def with_larger_activations(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same network: a pointwise convolution multiplied, the one after it divided."""
    model = copied(model)
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    readers = {name: node for node in convolutions for name in node.input[:1]}
    first, second = next((node, readers[node.output[0]]) for node in convolutions if node.output[0] in readers)
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    # The weights themselves stay within half precision.
    factor = 6e4 / max(float(np.max(np.abs(numpy_helper.to_array(weights[name])))) for name in first.input[1:])
    for names, multiplier in ((first.input[1:], factor), (second.input[1:2], 1 / factor)):
        for name in names:
            values = numpy_helper.to_array(weights[name]) * np.float32(multiplier)
            model.graph.initializer.append(numpy_helper.from_array(values, f"{name}_scaled"))
    first.input[1:] = [f"{name}_scaled" for name in first.input[1:]]
    second.input[1] = f"{second.input[1]}_scaled"
    return model


def test_a_result_beyond_half_precision_is_found_without_a_gpu(
    small: Trained, small_file: ModelFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CPU never makes the value that is infinite on a GPU; the gate must see it all the same."""
    half = in_half(replace(small_file, graph=with_larger_activations(small_file.graph)))
    monkeypatch.setattr(export, "build_model_file", lambda trained, options: half)
    checkpoint = load_checkpoint(small.checkpoint)
    with pytest.raises(ParityError, match=r"rounded as on a GPU.*NaN or infinite"):
        export_checkpoint(checkpoint, MADE_IMAGES, tmp_path / "model.onnx", ExportOptions(precision="fp16"))
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_the_limit_and_parity_uses_it(few_photographs: Path, tmp_path: Path) -> None:
    """Run without --checkpoint and --verify, so that it takes the newest checkpoint and synthetic images."""
    newest = tmp_path / "runs" / "new" / "CRBL_240101_pytorch_directml_crop.safetensors"
    newest.parent.mkdir(parents=True)
    checkpoint = decided_checkpoint()
    # Rounding in half precision moves the random model's logits by 0.2; those of a trained one by less than 0.1.
    checkpoint.state["classifier.weight"].mul_(0.25)
    save_checkpoint(checkpoint, newest)
    exported = run_command("crbl-export", "--variant", "crop", "--precision", "fp16", "--opset", 17, cwd=tmp_path)
    assert exported.returncode == 0, exported.stderr
    assert f"Newest checkpoint of crop: {newest.relative_to(tmp_path)}" in exported.stdout
    assert "no real images were found" in exported.stderr
    assert "Parity on 4 images" in exported.stdout
    target = newest.with_suffix(".onnx")
    with Detector(target) as detector:
        contract = detector.contract
        run_self_test(Provider("cpu"), detector._sessions, detector.contract)
        assert contract.precision == "fp16"
        assert contract.parity is not None
        assert (contract.parity["limit"], contract.parity["flips"]) == (TOLERANCE, 0)
        assert contract.parity["error_onnx"] < contract.parity["error_rounded_to_half"] < TOLERANCE
        assert 1e-3 <= contract.self_test.tolerance <= LIMITS["fp16"].self_test_tolerance
    arguments = (target, "--checkpoint", newest, "--verify", few_photographs)
    again = run_command("crbl-parity", *arguments, "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["reports"][0]["limit"] == TOLERANCE
    assert run_command("crbl-parity", *arguments, "--tolerance", "1e-4").returncode == 1


@pytest.mark.parametrize("part", ["first", "last", "head"])
def test_the_self_test_still_catches_a_wrong_driver(half_file: ModelFile, tmp_path: Path, part: str) -> None:
    """A kernel that computes half of the channels as 0 stands for the driver."""
    (tmp_path / "right.onnx").write_bytes(half_file.to_bytes())
    with Detector(tmp_path / "right.onnx") as detector:
        run_self_test(Provider("cpu"), detector._sessions, detector.contract)
    wrong = copied(half_file.graph)
    weights = {tensor.name: tensor for tensor in wrong.graph.initializer}
    convolutions = [node for node in backbone_nodes(wrong.graph) if node.op_type == "Conv"]
    head = max(weights, key=lambda name: len(weights[name].raw_data))
    # A fault in between may move the logits of a model of two epochs by less than half precision does.
    last = next(node.input[1] for node in convolutions if list(weights[node.input[1]].dims) == [1280, 320, 1, 1])
    name = {"first": convolutions[0].input[1], "last": last, "head": head}[part]
    values = numpy_helper.to_array(weights[name]).copy()
    values[: max(len(values) // 2, 1)] = 0
    weights[name].CopyFrom(numpy_helper.from_array(values, name))
    (tmp_path / "wrong.onnx").write_bytes(replace(half_file, graph=wrong).to_bytes())
    with Detector(tmp_path / "wrong.onnx") as detector, pytest.raises(UnavailableError, match="computes wrongly"):
        run_self_test(Provider("cpu"), detector._sessions, detector.contract)


def test_an_unknown_precision_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="fp32, fp16"):
        get_precision("bf16")
