"""A fault that is put into a real file is found where it was put."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper

from crbl_export.divergence import first_divergence as faulty_node
from crbl_export.divergence.difference import relative_error
from crbl_export.divergence.first_divergence import Bisection, Disagreement, bisect
from crbl_export.divergence.onnx_values import onnx_values
from crbl_export.exporters import export_graph
from crbl_export.graph import ExportGraph
from crbl_export.parity.compare import check_parity, read_parity_set
from crbl_runtime.preprocessing import prepare
from crbl_runtime.session import Provider
from crbl_training.checkpoint import Checkpoint, load_checkpoint
from crbl_training.model.network_input import network_input
from public_commands import Trained

CPU = Provider("cpu")


@pytest.fixture(scope="module")
def checkpoint(crop: Trained) -> Checkpoint:
    return load_checkpoint(crop.checkpoint)


@pytest.fixture
def model(crop: Trained) -> onnx.ModelProto:
    return onnx.load(crop.model)


@pytest.fixture(scope="module")
def image(checkpoint: Checkpoint, photographs: Path) -> np.ndarray:
    return prepare(photographs / "brick_0.png", checkpoint.preprocessing).pixels


@pytest.fixture(scope="module")
def find(checkpoint: Checkpoint, image: np.ndarray) -> Callable[[onnx.ModelProto], Bisection]:
    with torch.no_grad():
        x = network_input(torch.from_numpy(image)[None], checkpoint.preprocessing, torch.float64)
        logit = float(checkpoint.build_model().double()(x))
    disagreement = Disagreement(image, logit + 1, logit, 1e-4)
    return lambda model: bisect(model, checkpoint, disagreement, provider=CPU, precision="fp32")


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
    fault = find(model).fault
    assert (fault.node, fault.operator) == (convolution.name, "Conv")
    assert fault.error_before < 1e-4 < 1e-2 < fault.error_after
    assert "weights" in fault.cause
    assert "backbone" in fault.pytorch
    assert "convolution" in fault.pytorch
    assert fault.value_onnx != pytest.approx(fault.value_reference, rel=1e-3)


def test_a_changed_weight_of_the_head(model, find) -> None:
    largest = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data)).name
    reader = next(node for node in model.graph.node if largest in node.input)
    change_weight(model, largest, 50.0)
    assert find(model).fault.node == reader.name


def test_a_changed_padding(model, find) -> None:
    def pads(node: onnx.NodeProto) -> onnx.AttributeProto:
        return next(attribute for attribute in node.attribute if attribute.name == "pads")

    convolution = next(node for node in of_operator(model, "Conv")[60:] if list(pads(node).ints) == [2, 2, 2, 2])
    pads(convolution).ints[:] = [1, 2, 3, 2]
    assert find(model).fault.node == convolution.name


def test_a_missing_activation_shows_in_the_first_node_that_misses_it(model, find) -> None:
    convolution = of_operator(model, "Conv")[0]
    activation = next(node for node in of_operator(model, "Mul") if convolution.output[0] in node.input)
    first_reader = next(node for node in model.graph.node if activation.output[0] in node.input)
    for node in model.graph.node:
        node.input[:] = [convolution.output[0] if name == activation.output[0] else name for name in node.input]
    model.graph.node.remove(activation)
    assert find(model).fault.node == first_reader.name


@pytest.mark.parametrize("operator", ["Sigmoid", "Mul", "ReduceMean"])
def test_a_node_too_many(model, find, operator) -> None:
    nodes = of_operator(model, operator)
    added = add_behind(model, nodes[len(nodes) // 3], 0.1)
    fault = find(model).fault
    assert fault.node == added.name
    assert fault.value_onnx - fault.value_reference == pytest.approx(0.1, abs=1e-4)


def test_a_kernel_that_computes_wrongly_is_told_from_a_wrong_weight(model, find, monkeypatch) -> None:
    broken = onnx.ModelProto()
    broken.CopyFrom(model)
    convolution = of_operator(broken, "Conv")[5]
    name, right_values = convolution.output[0], onnx_values
    add_behind(broken, convolution, 0.1)

    def of_a_wrong_driver(model, image, provider):
        values = right_values(broken, image, provider)
        return values | {name: values["wrong"]}

    monkeypatch.setattr(faulty_node, "onnx_values", of_a_wrong_driver)
    fault = find(model).fault
    assert fault.node == convolution.name
    assert "execution provider computes it wrongly" in fault.cause


def test_the_first_value_that_is_not_a_number(model, crop, checkpoint, photographs, tmp_path) -> None:
    convolution = of_operator(model, "Conv")[30]
    change_weight(model, convolution.input[1], float("nan"))
    onnx.save(model, tmp_path / "nan.onnx")
    images = read_parity_set(checkpoint, [photographs / "brick_0.png", photographs / "coffee_0.png"], "two")
    report = check_parity(tmp_path / "nan.onnx", checkpoint, images)
    assert "NaN or infinite" in report.failures[0]
    assert report.fault.node == convolution.name
    assert np.isnan(report.fault.value_onnx)
    assert np.isfinite(report.fault.value_reference)
    assert report.to_dict()["fault"]["value_onnx"] is None


def test_a_fault_of_a_fused_kernel_is_told_as_such(model, find) -> None:
    found = find(model)
    assert found.fault is None
    assert "once each node's value is an output" in found.remark


def test_a_checkpoint_that_gives_nan_is_at_fault_itself(checkpoint, image) -> None:
    state = checkpoint.state | {"backbone2.blocks.3.0.bn1.bias": torch.full((240,), float("nan"))}
    broken = Checkpoint(checkpoint.variant, state, checkpoint.preprocessing, 0.01, "a test")
    # build_model_file would refuse it.
    file = export_graph(ExportGraph(broken.build_model(), broken.preprocessing, heatmap=False), 17, "torchscript")
    found = bisect(file, broken, Disagreement(image, np.nan, np.nan, 1e-4), provider=CPU, precision="fp32")
    assert found.fault.operator == "Conv"
    assert "checkpoint" in found.fault.cause


def test_the_relative_error_is_a_share_of_the_largest_value() -> None:
    reference = np.array([100.0, 1.0, np.nan])
    assert relative_error(np.array([100.0, 2.0, np.nan]), reference) == pytest.approx(0.01)
    assert relative_error(np.array([100.0, np.nan, np.nan]), reference) == np.inf
    assert relative_error(np.array([100.0, 1.0, 1.0]), reference) == np.inf
    assert relative_error(np.array([0.5]), np.array([0.0])) == 0.5
