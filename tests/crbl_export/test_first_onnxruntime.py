"""The lowest versions in a file, and the first onnxruntime that loads them."""

import json
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from crbl_export.first_onnxruntime import first_onnxruntime
from crbl_export.model_card.card import model_card
from crbl_export.passes.canonical_form import canonical_form
from crbl_runtime.options import OPSETS
from public_commands import Trained, run_command

# IR version 9 brought the float8 types, 10 the 4-bit ones; an older onnxruntime knows none of them.
OLD_TYPES = {TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.INT64, TensorProto.UINT8}


def graph_of(opset: int, ir_version: int) -> onnx.ModelProto:
    value, other = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y"))
    graph = helper.make_graph([helper.make_node("Abs", ["x"], ["y"])], "graph", [value], [other])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version)


@pytest.mark.parametrize(
    ("opset", "ir_version", "expected"),
    [
        (11, 6, "1.12"),
        (17, 8, "1.12"),
        (18, 8, "1.14"),
        (18, 10, "1.18"),
        (19, 9, "1.16"),
        (20, 9, "1.17"),
        (99, 8, None),
    ],
)
def test_both_the_opset_and_the_ir_version_decide(opset: int, ir_version: int, expected: str | None) -> None:
    assert first_onnxruntime(graph_of(opset, ir_version)) == expected


@pytest.mark.parametrize(("opset", "ir_version"), [(17, 8), (18, 8), (19, 9), (20, 9)])
def test_a_file_gets_the_lowest_ir_version_of_its_opset(opset: int, ir_version: int) -> None:
    assert opset in OPSETS
    lowest = canonical_form(graph_of(opset, 10))
    onnx.checker.check_model(lowest, full_check=True)
    assert lowest.ir_version == ir_version


def test_exported_files_have_nothing_that_an_old_onnxruntime_lacks(
    crop: Trained, small: Trained, small_half: Trained
) -> None:
    for trained, first in ((crop, "1.14"), (small, "1.12"), (small_half, "1.12")):
        model = onnx.load(trained.model)
        assert (model.ir_version, first_onnxruntime(model)) == (8, first)
        values = [value.type.tensor_type.elem_type for value in (*model.graph.input, *model.graph.output)]
        assert {*values, *(tensor.data_type for tensor in model.graph.initializer)} <= OLD_TYPES
        assert not model.functions


def test_card_and_check_say_it(crop: Trained, tmp_path: Path) -> None:
    assert "| Loads in | onnxruntime 1.14 and newer |" in model_card(crop.model)
    text = run_command("crbl-check", crop.model).stdout
    assert "opset 18, IR version 8: loads in onnxruntime 1.14 and newer" in text
    report = json.loads(run_command("crbl-check", crop.model, "--json").stdout)
    assert (report["opset"], report["ir_version"], report["onnxruntime"]) == (18, 8, "1.14")
    onnx.save(graph_of(20, 99), tmp_path / "new.onnx")
    assert (
        "IR version 99: loads in a newer onnxruntime than this crbl knows"
        in run_command("crbl-check", tmp_path / "new.onnx").stdout
    )
    assert json.loads(run_command("crbl-check", tmp_path / "new.onnx", "--json").stdout)["onnxruntime"] is None
