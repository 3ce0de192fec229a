"""What crbl-export writes is what the runtime takes: a file that it refused would be of no use."""

from pathlib import Path

import onnx
import pytest

from crbl_export.directml.check import check_directml, with_fixed_batch
from crbl_export.exporters.export_graph import export_graph, exporter_for
from crbl_export.graph import ExportGraph
from crbl_export.passes import PASSES
from crbl_export.trained_model import TrainedModel
from crbl_runtime.contract import METADATA_KEY
from crbl_runtime.model_content import OPERATORS, check_model_content
from crbl_runtime.preprocessing import IMAGENET_MEAN, IMAGENET_STD
from public_commands import Trained
from small_checkpoint import small_checkpoint

PROJECT = Path(__file__).parents[2]


def test_the_page_names_the_operators_that_a_file_may_have() -> None:
    page = (PROJECT / "docs" / "exporting.md").read_text(encoding="utf-8")
    assert f"| Operators | {', '.join(sorted(OPERATORS))} |" in page


def test_weights_in_half_precision_are_taken(small_half: Trained) -> None:
    check_model_content(small_half.model.read_bytes(), "half.onnx")


@pytest.mark.parametrize("opset", [17, 20])
def test_every_preprocessing_that_a_checkpoint_can_have_is_taken(opset: int) -> None:
    """BGR, mean and deviation, whose operators no model of the session has, and a size that pads on both sides."""
    checkpoint = small_checkpoint(97, channel_order="bgr", mean=IMAGENET_MEAN, std=IMAGENET_STD)
    trained = TrainedModel.of(checkpoint)
    graph = ExportGraph(trained.float32, trained.preprocessing, heatmap=opset == 20)
    model = export_graph(graph, opset, exporter_for(opset))
    for change in PASSES:
        model = change(model)
    assert {"Slice", "Concat"} <= {node.op_type for node in model.graph.node}
    assert check_directml(with_fixed_batch(model)).passed
    onnx.helper.set_model_props(model, {METADATA_KEY: "of no importance here"})
    check_model_content(model.SerializeToString(), "bgr.onnx")
