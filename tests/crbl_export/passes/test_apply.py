"""A pass that changes what the graph computes is stopped and named."""

from dataclasses import dataclass, replace

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from crbl_export.copied import copied
from crbl_export.exporters.export_graph import export_graph
from crbl_export.graph import ExportGraph
from crbl_export.parity.reference import Reference, reference_logits
from crbl_export.passes import PASSES
from crbl_export.passes.apply import Pass, apply_passes
from crbl_export.passes.fold_padding import fold_padding
from crbl_export.passes.order_nodes import order_nodes
from crbl_export.passes.simplify import simplify
from crbl_export.trained_model import TrainedModel
from crbl_runtime.errors import CheckpointError, ParityError
from crbl_runtime.self_test import self_test_images
from small_checkpoint import decided_checkpoint


@dataclass(frozen=True)
class Exported:
    model: onnx.ModelProto
    images: np.ndarray
    reference: Reference

    def after(self, *passes: Pass) -> onnx.ModelProto:
        return apply_passes(self.model, passes, self.images, self.reference)


@pytest.fixture(scope="module")
def exported() -> Exported:
    trained = TrainedModel.of(decided_checkpoint())
    images = self_test_images(trained.preprocessing.image_size)
    graph = ExportGraph(trained.float32, trained.preprocessing, heatmap=True)
    return Exported(export_graph(graph, 18, "torchscript"), images, reference_logits(trained, images))


@pytest.fixture(scope="module")
def folded(exported: Exported) -> Exported:
    """With the padding in the convolutions, where a wrong pass can break it."""
    return replace(exported, model=fold_padding(simplify(exported.model)))


def first_strided_convolution(model: onnx.ModelProto) -> onnx.NodeProto:
    return next(
        node
        for node in model.graph.node
        if node.op_type == "Conv" and any(a.name == "strides" and a.ints[0] == 2 for a in node.attribute)
    )


def pad_at_the_front(model: onnx.ModelProto) -> onnx.ModelProto:
    """SAME padding as other frameworks read it."""
    changed = copied(model)
    pads = next(a for a in first_strided_convolution(changed).attribute if a.name == "pads")
    pads.ints[:] = [*pads.ints[2:], *pads.ints[:2]]
    return changed


def forget_a_padding(model: onnx.ModelProto) -> onnx.ModelProto:
    changed = copied(model)
    next(a for a in first_strided_convolution(changed).attribute if a.name == "pads").ints[3] = 0
    return changed


def scale_one_weight(model: onnx.ModelProto, factor: float = 1.01) -> onnx.ModelProto:
    changed = copied(model)
    name = first_strided_convolution(changed).input[1]
    tensor = next(tensor for tensor in changed.graph.initializer if tensor.name == name)
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(factor), name))
    return changed


def lose_the_numbers(model: onnx.ModelProto) -> onnx.ModelProto:
    return scale_one_weight(model, np.nan)


def read_what_nobody_writes(model: onnx.ModelProto) -> onnx.ModelProto:
    changed = copied(model)
    changed.graph.node[-1].input[0] = "nobody"
    return changed


def test_the_real_passes_are_let_through(exported: Exported) -> None:
    expected = exported.model
    for change in PASSES:
        expected = change(expected)
    assert exported.after(*PASSES) == expected


@pytest.mark.parametrize("wrong", [pad_at_the_front, scale_one_weight, lose_the_numbers])
def test_a_pass_that_changes_the_logits_is_named(folded: Exported, wrong: Pass) -> None:
    with pytest.raises(ParityError, match=f"The pass {wrong.__name__} changed the logits: they are off by"):
        folded.after(order_nodes, wrong, *PASSES)


@pytest.mark.parametrize("wrong", [forget_a_padding, read_what_nobody_writes])
def test_a_pass_that_breaks_the_graph_is_named(folded: Exported, wrong: Pass) -> None:
    with pytest.raises(ParityError, match=rf"The pass {wrong.__name__} made a graph that does not run \(.+\)"):
        folded.after(wrong)


def test_a_graph_that_comes_wrong_from_torch_is_not_blamed_on_a_pass(folded: Exported) -> None:
    wrong = replace(folded, model=scale_one_weight(folded.model))
    with pytest.raises(ParityError, match="torch's exporter wrote a graph whose logits are off"):
        wrong.after(*PASSES)


def test_a_model_that_gives_nan_in_pytorch_is_not_exported(exported: Exported) -> None:
    checkpoint = decided_checkpoint()
    checkpoint.state["classifier.bias"].fill_(float("nan"))
    of_nan = replace(exported, reference=reference_logits(TrainedModel.of(checkpoint), exported.images))
    with pytest.raises(CheckpointError, match="NaN or infinite logits in PyTorch"):
        of_nan.after(*PASSES)
