"""What is put wrong in a real file is found where it was put."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from crbl_export.copied import copied
from crbl_export.divergence import first_divergence
from crbl_export.divergence.difference import relative_error
from crbl_export.divergence.first_divergence import Disagreement, FirstDivergence, find_first_divergence
from crbl_export.divergence.onnx_values import onnx_values
from crbl_export.divergence.own_inputs import error_from_own_inputs
from crbl_export.exporters.export_graph import export_graph
from crbl_export.gate import check_parity, run_gate
from crbl_export.graph import ExportGraph
from crbl_export.model_file import ModelFile
from crbl_export.parity.image_set import ImageFiles, read_image_set
from crbl_export.parity.limits import Limits
from crbl_export.trained_model import TrainedModel
from crbl_runtime.execution_provider import Provider
from crbl_runtime.preprocessing import prepare
from crbl_training.checkpoint import Checkpoint, load_checkpoint
from crbl_training.model.network_input import network_input
from public_commands import Trained

Find = Callable[[onnx.ModelProto], FirstDivergence]


def disagreement(pixels: np.ndarray, logit_onnx: float, logit_pytorch: float) -> Disagreement:
    return Disagreement(pixels, logit_onnx, logit_pytorch, 1e-4, Provider("cpu"))


@pytest.fixture(scope="module")
def trained(small: Trained) -> TrainedModel:
    return TrainedModel.of(load_checkpoint(small.checkpoint))


@pytest.fixture
def model(small_file: ModelFile) -> onnx.ModelProto:
    return small_file.graph


@pytest.fixture(scope="module")
def pixels(trained: TrainedModel, photographs: Path) -> np.ndarray:
    return prepare(photographs / "brick_0.png", trained.preprocessing).pixels


@pytest.fixture(scope="module")
def find(trained: TrainedModel, pixels: np.ndarray) -> Find:
    with torch.no_grad():
        x = network_input(torch.from_numpy(pixels)[None], trained.preprocessing, torch.float64)
        logit = float(trained.float64(x))
    return lambda model: find_first_divergence(model, trained, disagreement(pixels, logit + 1, logit))


def of_operator(model: onnx.ModelProto, operator: str) -> list[onnx.NodeProto]:
    return [node for node in model.graph.node if node.op_type == operator]


def change_weight(model: onnx.ModelProto, name: str, value: float) -> None:
    """Set the largest of a tensor's values."""
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == name)
    values = numpy_helper.to_array(tensor).copy()
    values.reshape(-1)[np.argmax(np.abs(values))] = value
    tensor.CopyFrom(numpy_helper.from_array(values, name))


def add_behind(model: onnx.ModelProto, node: onnx.NodeProto, constant: float) -> onnx.NodeProto:
    """Put an Add of a constant behind a node, as a kernel that computes wrongly."""
    model.graph.initializer.append(numpy_helper.from_array(np.float32(constant), "constant"))
    for reader in model.graph.node:
        reader.input[:] = ["wrong" if name == node.output[0] else name for name in reader.input]
    added = helper.make_node("Add", [node.output[0], "constant"], ["wrong"], name="added")
    model.graph.node.insert(list(model.graph.node).index(node) + 1, added)
    return added


@pytest.mark.parametrize("kernel", [[32, 3, 3, 3], [240, 1, 5, 5], [480, 80, 1, 1], [1280, 320, 1, 1]], ids=str)
@pytest.mark.parametrize("backbone", [0, 1])
def test_a_changed_weight_of_a_convolution(model, find, kernel, backbone) -> None:
    shapes = {tensor.name: list(tensor.dims) for tensor in model.graph.initializer}
    alike = [node for node in of_operator(model, "Conv") if shapes[node.input[1]] == kernel]
    convolution = alike[backbone * len(alike) // 2]
    change_weight(model, convolution.input[1], 30.0)
    found = find(model).node
    assert (found.node, found.operator) == (convolution.name, "Conv")
    assert found.error_before < 1e-4 < 1e-2 < found.error_after
    assert "weights" in found.cause
    assert "backbone" in found.pytorch
    assert "convolution" in found.pytorch
    assert found.value_onnx != pytest.approx(found.value_reference, rel=1e-3)


def half_reader(graph: onnx.GraphProto, operator: str) -> tuple[onnx.NodeProto, onnx.TensorProto]:
    """The node of this operator that reads the largest float16 tensor, through a Cast, and the tensor."""
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    casts = {node.output[0]: tensors[node.input[0]] for node in graph.node if node.input[0] in tensors}
    readers = [
        (node, casts[name])
        for node in graph.node
        if node.op_type == operator
        for name in node.input
        if name in casts and casts[name].data_type == TensorProto.FLOAT16
    ]
    return max(readers, key=lambda reader: len(reader[1].raw_data))


@pytest.mark.parametrize("operator", ["Conv", "Mul"])
def test_a_changed_weight_that_is_stored_in_half(small_half, trained, photographs, tmp_path, operator) -> None:
    """A Mul reads the largest tensor of the head."""
    file = ModelFile.from_bytes(small_half.model.read_bytes(), "half")
    reader, weight = half_reader(file.graph.graph, operator)
    change_weight(file.graph, weight.name, 50.0)
    (tmp_path / "changed.onnx").write_bytes(file.to_bytes())
    images = ImageFiles((photographs / "brick_0.png", photographs / "coffee_0.png"), "two")
    (report,) = check_parity(tmp_path / "changed.onnx", trained.checkpoint, images).reports
    assert not report.passed
    assert (report.divergence.node, report.divergence.operator) == (reader.name, operator)
    assert "weights" in report.divergence.cause


def test_a_kernel_that_reads_a_weight_in_half_can_be_blamed(small_half, pixels) -> None:
    model = onnx.load(small_half.model)
    convolution, _ = half_reader(model.graph, "Conv")
    values = onnx_values(model, pixels, Provider("cpu"))
    assert error_from_own_inputs(model, convolution, values) < 1e-5
    name = convolution.output[0]
    assert error_from_own_inputs(model, convolution, values | {name: values[name] + 1}) > 1e-3


def test_a_changed_weight_of_the_head(model, find) -> None:
    largest = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data)).name
    reader = next(node for node in model.graph.node if largest in node.input)
    change_weight(model, largest, 50.0)
    assert find(model).node.node == reader.name


def test_a_changed_padding(model, find) -> None:
    def pads(node: onnx.NodeProto) -> onnx.AttributeProto:
        return next(attribute for attribute in node.attribute if attribute.name == "pads")

    convolution = next(node for node in of_operator(model, "Conv")[60:] if list(pads(node).ints) == [2, 2, 2, 2])
    pads(convolution).ints[:] = [1, 2, 3, 2]
    assert find(model).node.node == convolution.name


def test_a_missing_activation_shows_in_the_first_node_that_misses_it(model, find) -> None:
    convolution = of_operator(model, "Conv")[0]
    activation = next(node for node in of_operator(model, "Mul") if convolution.output[0] in node.input)
    first_reader = next(node for node in model.graph.node if activation.output[0] in node.input)
    for node in model.graph.node:
        node.input[:] = [convolution.output[0] if name == activation.output[0] else name for name in node.input]
    model.graph.node.remove(activation)
    assert find(model).node.node == first_reader.name


@pytest.mark.parametrize("operator", ["Sigmoid", "Mul", "ReduceMean"])
def test_a_node_too_many(model, find, operator) -> None:
    nodes = of_operator(model, operator)
    added = add_behind(model, nodes[len(nodes) // 3], 0.1)
    found = find(model).node
    assert found.node == added.name
    assert found.value_onnx - found.value_reference == pytest.approx(0.1, abs=1e-4)


def test_a_kernel_that_computes_wrongly_is_told_from_a_wrong_weight(model, find, monkeypatch) -> None:
    broken = copied(model)
    convolution = of_operator(broken, "Conv")[5]
    name, right_values = convolution.output[0], onnx_values
    add_behind(broken, convolution, 0.1)

    def of_a_wrong_driver(model, pixels, provider):
        values = right_values(broken, pixels, provider)
        return values | {name: values["wrong"]}

    monkeypatch.setattr(first_divergence, "onnx_values", of_a_wrong_driver)
    found = find(model).node
    assert found.node == convolution.name
    assert "execution provider computes it wrongly" in found.cause


def test_the_first_value_that_is_not_a_number(small_file, trained, photographs, tmp_path) -> None:
    convolution = of_operator(small_file.graph, "Conv")[30]
    change_weight(small_file.graph, convolution.input[1], float("nan"))
    (tmp_path / "nan.onnx").write_bytes(small_file.to_bytes())
    files = ImageFiles((photographs / "brick_0.png", photographs / "coffee_0.png"), "two")
    images = read_image_set(files, trained)
    (report,) = run_gate(tmp_path / "nan.onnx", trained, images, Limits(), "cpu").reports
    assert "NaN or infinite" in report.failures[0]
    assert report.divergence.node == convolution.name
    assert np.isnan(report.divergence.value_onnx)
    assert np.isfinite(report.divergence.value_reference)
    assert report.to_dict()["divergence"]["value_onnx"] is None


def test_an_error_of_a_fused_kernel_is_reported_as_such(model, find) -> None:
    found = find(model)
    assert found.node is None
    assert "once each node's value is an output" in found.remark


def test_a_checkpoint_that_gives_nan_is_wrong_itself(trained, pixels) -> None:
    checkpoint = trained.checkpoint
    state = checkpoint.state | {"backbone2.blocks.3.0.bn1.bias": torch.full((240,), float("nan"))}
    broken = TrainedModel.of(Checkpoint(checkpoint.variant, state, checkpoint.preprocessing, 0.01, "a test"))
    # build_model_file would refuse it.
    file = export_graph(ExportGraph(broken.float32, broken.preprocessing, heatmap=False), 17, "torchscript")
    found = find_first_divergence(file, broken, disagreement(pixels, np.nan, np.nan))
    assert found.node.operator == "Conv"
    assert "checkpoint" in found.node.cause


def test_the_relative_error_is_a_share_of_the_largest_value() -> None:
    reference = np.array([100.0, 1.0, np.nan])
    assert relative_error(np.array([100.0, 2.0, np.nan]), reference) == pytest.approx(0.01)
    assert relative_error(np.array([100.0, np.nan, np.nan]), reference) == np.inf
    assert relative_error(np.array([100.0, 1.0, 1.0]), reference) == np.inf
    assert relative_error(np.array([0.5]), np.array([0.0])) == 0.5
