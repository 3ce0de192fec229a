"""Two exporters, one graph; and what this torch cannot export is said."""

import sys
from collections import Counter

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from crbl_export import exporters
from crbl_export.export import build_model_file, metadata_text
from crbl_export.exporters import DYNAMO_TORCH, EXPORTERS, OPSETS, export_graph, exporter_for
from crbl_export.exporters.torchscript import export_with_torchscript
from crbl_export.graph import ExportGraph
from crbl_export.passes import PASSES
from crbl_runtime.contract import ModelContract
from crbl_runtime.errors import UnavailableError, UsageError
from crbl_training.checkpoint import Checkpoint
from public_commands import Trained
from small_checkpoint import decided_checkpoint

has_dynamo = pytest.mark.skipif(
    torch.torch_version.TorchVersion(torch.__version__) < DYNAMO_TORCH, reason="this torch is older than 2.9"
)


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return decided_checkpoint()


@pytest.fixture(scope="module")
def graph(checkpoint: Checkpoint) -> ExportGraph:
    return ExportGraph(checkpoint.build_model(), checkpoint.preprocessing, heatmap=True)


def after_all_passes(graph: ExportGraph, exporter: str) -> onnx.ModelProto:
    model = export_graph(graph, 18, exporter)
    for change in PASSES:
        model = change(model)
    return model


def operators(model: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


@has_dynamo
def test_both_exporters_end_in_one_graph(graph: ExportGraph) -> None:
    dynamo, torchscript = (after_all_passes(graph, exporter) for exporter in ("dynamo", "torchscript"))
    assert operators(dynamo) == operators(torchscript)
    assert list(dynamo.graph.node) == list(torchscript.graph.node), "order, attributes and wiring"
    assert (dynamo.graph.input, dynamo.graph.output) == (torchscript.graph.input, torchscript.graph.output)
    assert len(dynamo.graph.node) <= 510
    for one, other in zip(dynamo.graph.initializer, torchscript.graph.initializer, strict=True):
        assert (one.name, one.dims, one.data_type) == (other.name, other.dims, other.data_type)
        values, others = numpy_helper.to_array(one), numpy_helper.to_array(other)
        # The one listed difference: how a BatchNorm merged into a weight was rounded.
        assert np.max(np.abs(values - others)) <= 4 * np.finfo(np.float32).eps * np.max(np.abs(values)), one.name


@pytest.mark.parametrize(
    ("version", "opset", "exporter"),
    [
        ("2.4.1+cpu", 18, "torchscript"),
        ("2.8.0", 18, "torchscript"),
        ("2.9.0+cu128", 18, "dynamo"),
        ("2.14.1", 20, "dynamo"),
        ("2.14.1", 17, "torchscript"),
    ],
)
def test_the_exporter_follows_from_torch_and_opset(version: str, opset: int, exporter: str) -> None:
    assert exporter_for(opset, version) == exporter


def test_the_contract_says_which_exporter_wrote_the_file(crop: Trained, checkpoint: Checkpoint) -> None:
    for opset, file in ((18, onnx.load(crop.model)), (17, build_model_file(checkpoint, opset=17, heatmap=False))):
        exported = ModelContract.from_json(metadata_text(file), "file").export
        assert (exported["exporter"], exported["opset"]) == (exporter_for(opset), opset)
        assert ("onnxscript" in exported["versions"]) == (exported["exporter"] == "dynamo")


def test_another_opset_than_asked_for_is_noticed(graph: ExportGraph, monkeypatch) -> None:
    """As dynamo does it with 17."""
    monkeypatch.setitem(EXPORTERS, "torchscript", lambda graph, opset: export_with_torchscript(graph, 18))
    with pytest.raises(UnavailableError, match="wrote opset 18 with torchscript, not 17"):
        export_graph(graph, 17, "torchscript")


def test_an_opset_that_this_torch_does_not_know_is_said(graph: ExportGraph, monkeypatch) -> None:
    with pytest.raises(UsageError, match="17 to 20"):
        export_graph(graph, 40, "torchscript")
    monkeypatch.setattr(exporters, "OPSETS", range(OPSETS.start, 41))
    with pytest.raises(UnavailableError, match="cannot export opset 40 with torchscript"):
        export_graph(graph, 40, "torchscript")


def test_a_torch_that_is_too_old_for_dynamo_is_said(graph: ExportGraph, monkeypatch) -> None:
    monkeypatch.setattr(torch, "__version__", "2.4.1")
    with pytest.raises(UnavailableError, match=r"2\.4\.1 is too old for the exporter dynamo, expected at least 2\.9"):
        export_graph(graph, 18, "dynamo")


@has_dynamo
def test_a_missing_onnxscript_is_named(graph: ExportGraph, monkeypatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("onnxscript", "torch.onnx._internal.exporter"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(UnavailableError, match=r"onnxscript.*\.\[export\]"):
        export_graph(graph, 18, "dynamo")
