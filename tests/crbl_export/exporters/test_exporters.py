"""Two exporters, one graph; and what this torch cannot export has a reason."""

import sys
from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper

from crbl_export.exporters import export_graph as module
from crbl_export.exporters.export_graph import DYNAMO_TORCH, EXPORTERS, export_graph, exporter_for
from crbl_export.graph import ExportGraph
from crbl_export.model_file import ModelFile
from crbl_export.parity.reference import reference_logits
from crbl_export.passes import PASSES
from crbl_export.trained_model import TrainedModel
from crbl_runtime.errors import UnavailableError, UsageError
from crbl_runtime.options import OPSETS
from public_commands import Trained
from small_checkpoint import decided_checkpoint

has_dynamo = pytest.mark.skipif(
    torch.torch_version.TorchVersion(torch.__version__) < DYNAMO_TORCH, reason="this torch is older than 2.9"
)


OPSET = 20  # Those of the session's models are 17 and 18.


@pytest.fixture(scope="module")
def trained() -> TrainedModel:
    return TrainedModel.of(decided_checkpoint())


@pytest.fixture(scope="module")
def graph(trained: TrainedModel) -> ExportGraph:
    return ExportGraph(trained.float32, trained.preprocessing, heatmap=True)


def after_all_passes(graph: ExportGraph, exporter: str, opset: int = OPSET) -> onnx.ModelProto:
    model = export_graph(graph, opset, exporter)
    for change in PASSES:
        model = change(model)
    return model


@pytest.fixture(scope="module")
def torchscript(graph: ExportGraph) -> onnx.ModelProto:
    return after_all_passes(graph, "torchscript")


def assert_computes_as(model: onnx.ModelProto, trained: TrainedModel, opset: int = OPSET) -> None:
    assert {entry.domain: entry.version for entry in model.opset_import} == {"": opset}
    images = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    reference = reference_logits(trained, images)
    logit = onnxruntime.InferenceSession(model.SerializeToString()).run(["logit"], {"image": images})[0]
    assert np.max(np.abs(logit - reference.float64)) <= max(10 * reference.error_torch, 1e-4)


def operators(model: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


def test_torchscript_computes_as_pytorch(torchscript: onnx.ModelProto, trained: TrainedModel) -> None:
    assert_computes_as(torchscript, trained)


def test_the_opset_that_no_other_model_here_has_computes_as_pytorch(graph: ExportGraph, trained: TrainedModel) -> None:
    assert_computes_as(after_all_passes(graph, "torchscript", 19), trained, 19)


@has_dynamo
def test_both_exporters_end_in_one_graph(
    graph: ExportGraph, torchscript: onnx.ModelProto, trained: TrainedModel
) -> None:
    dynamo = after_all_passes(graph, "dynamo")
    assert_computes_as(dynamo, trained)
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


def test_the_contract_names_the_exporter_that_wrote_the_file(crop: Trained, small: Trained) -> None:
    for opset, trained in ((18, crop), (17, small)):
        exported = ModelFile.from_bytes(trained.model.read_bytes(), "file").contract.export
        assert (exported["exporter"], exported["opset"]) == (exporter_for(opset), opset)
        assert ("onnxscript" in exported["versions"]) == (exported["exporter"] == "dynamo")


def test_another_opset_than_asked_for_is_noticed(graph: ExportGraph, small_file: ModelFile, monkeypatch) -> None:
    """As dynamo does it with 17."""
    monkeypatch.setitem(EXPORTERS, "torchscript", lambda graph, opset: small_file.graph)
    with pytest.raises(UnavailableError, match="wrote opset 17 with torchscript, not 18"):
        export_graph(graph, 18, "torchscript")


def test_an_opset_that_this_torch_does_not_know_is_named(graph: ExportGraph, monkeypatch) -> None:
    with pytest.raises(UsageError, match="17 to 20"):
        export_graph(graph, 40, "torchscript")
    monkeypatch.setattr(module, "OPSETS", range(OPSETS.start, 41))
    with pytest.raises(UnavailableError, match="cannot export opset 40 with torchscript"):
        export_graph(graph, 40, "torchscript")


def test_a_torch_that_is_too_old_for_dynamo_is_named(graph: ExportGraph, monkeypatch) -> None:
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
