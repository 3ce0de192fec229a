"""What would leave the GPU is named before there is a card."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from crbl_export import export
from crbl_export.directml.check import check_directml
from crbl_export.directml.kernel_table import kernel_table
from crbl_export.model_file import ModelFile
from crbl_export.options import ExportOptions
from crbl_export.parity.image_set import MADE_IMAGES
from crbl_runtime.errors import ModelFileError
from crbl_training.checkpoint import load_checkpoint
from public_commands import Trained, run_command


def graph_of(*nodes: onnx.NodeProto, opset: int = 18, element: int = TensorProto.FLOAT) -> onnx.ModelProto:
    """A model from image [batch, 4] to out, with a few constants to use."""
    constants = [
        numpy_helper.from_array(np.array([-1, 2, 2], np.int64), "target"),
        numpy_helper.from_array(np.array([2, 2], np.int64), "four"),
        numpy_helper.from_array(np.eye(4, dtype=np.float32), "square"),
        numpy_helper.from_array(np.array([True, False]), "mask"),
    ]
    graph = helper.make_graph(
        list(nodes),
        "graph",
        [helper.make_tensor_value_info("image", element, ["batch", 4])],
        [helper.make_empty_tensor_value_info("out")],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def reasons(model: onnx.ModelProto) -> list[str]:
    return [finding.reason for finding in check_directml(model).findings]


def test_the_exported_models_stay_on_the_gpu(crop: Trained, full: Trained) -> None:
    for trained in (crop, full):
        report = check_directml(onnx.load(trained.model))
        assert report.passed, report.findings
        assert report.nodes > 400


def test_casts_of_weights_are_folded_before_a_provider_gets_the_graph(small: Trained, small_half: Trained) -> None:
    report = check_directml(onnx.load(small_half.model))
    assert report.passed, report.findings
    assert report.nodes == check_directml(onnx.load(small.model)).nodes


def test_only_a_cast_that_onnxruntime_folds_is_left_out() -> None:
    """`square` is a weight, `image` an input, and what is an output of the file stays a node."""
    of_weight = helper.make_node("Cast", ["square"], ["unknown"], to=TensorProto.BFLOAT16)
    of_image = helper.make_node("Cast", ["image"], ["between"], to=TensorProto.BFLOAT16)
    back = helper.make_node("Cast", ["between"], ["out"], to=TensorProto.FLOAT)
    assert check_directml(graph_of(of_weight, helper.make_node("Abs", ["image"], ["out"]))).nodes == 1
    assert reasons(graph_of(of_weight, helper.make_node("Abs", ["image"], ["out"]))) == []
    assert any("bfloat16" in reason for reason in reasons(graph_of(of_image, back)))
    to_output = helper.make_node("Cast", ["square"], ["out"], to=TensorProto.FLOAT)
    assert check_directml(graph_of(to_output)).nodes == 1


@pytest.mark.parametrize(
    "node",
    [
        helper.make_node("MatMul", ["image", "square"], ["out"]),
        helper.make_node("Einsum", ["image", "square"], ["out"], equation="ij , jk -> ik"),
        helper.make_node("Reshape", ["image", "four"], ["out"], allowzero=1),
        helper.make_node("Reshape", ["image", "target"], ["out"], allowzero=0),
        helper.make_node("Cast", ["mask"], ["out"], to=TensorProto.BOOL),
    ],
    ids=lambda node: node.op_type,
)
def test_a_sound_graph_passes(node: onnx.NodeProto) -> None:
    assert reasons(graph_of(node)) == []


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (graph_of(helper.make_node("Softsign", ["image"], ["out"])), "no kernel"),
        (graph_of(helper.make_node("Reshape", ["image", "target"], ["out"], allowzero=1)), "allowzero=1"),
        (
            graph_of(
                helper.make_node("Shape", ["square"], ["computed"]),
                helper.make_node("Reshape", ["image", "computed"], ["out"], allowzero=1),
            ),
            "allowzero=1",
        ),
        (graph_of(helper.make_node("Einsum", ["image", "square"], ["out"], equation="...j,jk->...k")), "equation"),
        (graph_of(helper.make_node("Einsum", ["image", "square", "square"], ["out"], equation="ij,jk,kl")), "equation"),
        (graph_of(helper.make_node("Cast", ["image"], ["out"], to=TensorProto.BOOL)), "cast to bool"),
        (graph_of(helper.make_node("Abs", ["image"], ["out"]), element=TensorProto.DOUBLE), "out is double"),
        (graph_of(helper.make_node("Sigmoid", ["image"], ["out"]), opset=23), "opset 23"),
        (
            graph_of(helper.make_node("NonZero", ["image"], ["found"]), helper.make_node("Abs", ["found"], ["out"])),
            "shape",
        ),
    ],
)
def test_each_trap_is_named(model: onnx.ModelProto, expected: str) -> None:
    assert any(expected in reason for reason in reasons(model)), reasons(model)


@pytest.mark.parametrize("operator", ["Gemm", "MatMul"])
@pytest.mark.parametrize("activation", ["Sigmoid", "HardSigmoid"])
def test_what_is_fused_with_an_activation_must_not_be_an_output(operator: str, activation: str) -> None:
    """Conv and BatchNormalization are in test_operators.py, as DirectML itself was seen to do it."""
    product = helper.make_node(operator, ["image", "square"], ["between"])
    model = graph_of(product, helper.make_node(activation, ["between"], ["out"]))
    assert reasons(model) == []
    model.graph.output.append(helper.make_tensor_value_info("between", TensorProto.FLOAT, ["batch", 4]))
    assert any("activation" in reason for reason in reasons(model))


def test_an_operator_defined_anew_after_the_last_kernel_is_named() -> None:
    abs_versions = kernel_table().kernels["Reshape"].since_versions
    assert 14 in abs_versions
    model = graph_of(helper.make_node("Reshape", ["image", "target"], ["out"]), opset=24)
    assert any("DirectML has kernels since" in reason for reason in reasons(model))


def test_the_command_names_nodes_and_gives_json(small: Trained, tmp_path: Path) -> None:
    passed = run_command("crbl-check", small.model)
    assert passed.returncode == 0, passed.stderr
    assert "all have DirectML kernels" in passed.stdout
    bad = graph_of(helper.make_node("Softsign", ["image"], ["out"], name="the_culprit"))
    onnx.save(bad, tmp_path / "bad.onnx")
    failed = run_command("crbl-check", tmp_path / "bad.onnx", "--json")
    assert failed.returncode == 1
    assert json.loads(failed.stdout)["findings"][0]["node"] == "the_culprit"
    (tmp_path / "text.onnx").write_bytes(b"\xff\xffno model")
    assert run_command("crbl-check", tmp_path / "text.onnx").returncode == 2
    assert run_command("crbl-check", tmp_path / "missing.onnx").returncode == 2


def test_an_export_with_such_a_node_is_refused(
    small: Trained, small_file: ModelFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog
) -> None:
    graph = small_file.graph.graph
    to_bool = helper.make_node("Cast", [graph.output[1].name], ["unused"], to=TensorProto.BOOL, name="culprit")
    graph.node.append(to_bool)
    monkeypatch.setattr(export, "build_model_file", lambda trained, options: small_file)
    checkpoint = load_checkpoint(small.checkpoint)
    with pytest.raises(ModelFileError, match="culprit"):
        export.export_checkpoint(checkpoint, MADE_IMAGES, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []
    export.export_checkpoint(checkpoint, MADE_IMAGES, tmp_path / "model.onnx", ExportOptions(require_directml=False))
    assert "culprit" in caplog.text
    assert (tmp_path / "model.onnx").is_file()
