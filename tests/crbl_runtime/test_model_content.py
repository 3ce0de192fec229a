"""What a model file may hold: attacks by its content are refused before onnxruntime reads it, the right hash or not."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from google.protobuf.descriptor import Descriptor
from onnx import TensorProto, helper, numpy_helper

from crbl_runtime import Detector, onnxruntime_boundary
from crbl_runtime.errors import ModelFileError
from crbl_runtime.model_content import (
    ELEMENT_BYTES,
    LARGEST_MODEL_FILE,
    MOST_VALUES,
    check_model_content,
    check_model_size,
)
from crbl_runtime.onnx_messages import MODEL
from crbl_runtime.payload import check_payload, with_payload_sha256
from crbl_runtime.protobuf_wire import Message
from public_commands import Trained
from small_model import small_model

Change = Callable[[onnx.ModelProto], object]


@pytest.fixture(scope="module")
def right() -> bytes:
    """A model file that is as it should be."""
    return small_model("fp32")


def with_right_hash(model: onnx.ModelProto) -> bytes:
    """The model's file with the hash that belongs to it, as an attacker would write it."""
    content = with_payload_sha256(model.SerializeToString(deterministic=True))
    assert check_payload(content, "attack.onnx") is not None
    return content


def changed(right: bytes, change: Change) -> bytes:
    model = onnx.load_model_from_string(right)
    change(model)
    return with_right_hash(model)


def field(number: int, wire_type: int, value: bytes) -> bytes:
    """A field of protobuf's wire format; `number` below 16."""
    return bytes([number << 3 | wire_type]) + value


def text(number: int, value: bytes) -> bytes:
    """A field of bytes."""
    return field(number, 2, varint(len(value)) + value)


def varint(value: int) -> bytes:
    more, low = value >> 7, value & 0x7F
    return bytes([low | 0x80]) + varint(more) if more else bytes([low])


def nested_graphs(depth: int) -> bytes:
    """A graph with a node with an attribute with a graph, and so on."""
    graph = b""
    for _ in range(depth):
        graph = text(1, text(5, text(6, graph)))
    return graph


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_small_model_is_accepted(precision: str) -> None:
    check_model_content(small_model(precision), "small.onnx")


def test_exported_models_are_accepted(crop: Trained, full: Trained) -> None:
    for trained in (crop, full):
        check_model_content(trained.model.read_bytes(), trained.model.name)


def branch() -> onnx.GraphProto:
    value = helper.make_tensor_value_info("branch", TensorProto.FLOAT, [1])
    one = helper.make_node("Sigmoid", ["logit"], ["branch"])
    return helper.make_graph([one], "branch", [], [value])


def append(*nodes: onnx.NodeProto) -> Change:
    return lambda model: model.graph.node.extend(nodes)


def weight(change: Callable[[TensorProto], object]) -> Change:
    """Change the first weight of the graph that is no list of axes."""

    def change_first(model: onnx.ModelProto) -> None:
        change(next(tensor for tensor in model.graph.initializer if tensor.data_type == TensorProto.FLOAT))

    return change_first


def elsewhere(tensor: TensorProto) -> None:
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../etc/passwd")


def located_elsewhere(tensor: TensorProto) -> None:
    tensor.data_location = TensorProto.EXTERNAL


def nested_ifs(depth: int) -> onnx.NodeProto:
    node = helper.make_node("If", ["logit"], ["x"], then_branch=branch(), else_branch=branch())
    for _ in range(depth):
        outer = branch()
        outer.node.append(node)
        node = helper.make_node("If", ["logit"], ["x"], then_branch=outer, else_branch=branch())
    return node


def set_opset(domain: str, version: int) -> Change:
    def change(model: onnx.ModelProto) -> None:
        del model.opset_import[:]
        model.opset_import.append(helper.make_opsetid(domain, version))

    return change


def two_forms(tensor: TensorProto) -> None:
    tensor.float_data.extend(numpy_helper.to_array(tensor).ravel().tolist())


def constant_tensor() -> onnx.NodeProto:
    return helper.make_node("Clip", ["logit"], ["x"], value=numpy_helper.from_array(np.zeros(1, np.float32)))


SPARSE = helper.make_sparse_tensor(
    numpy_helper.from_array(np.ones(1, np.float32), "sparse"), numpy_helper.from_array(np.zeros(1, np.int64)), [2**40]
)
FUNCTION = helper.make_function(
    "own", "Sigmoid", ["x"], ["y"], [helper.make_node("Abs", ["x"], ["y"])], [helper.make_opsetid("", 18)]
)
SEQUENCE = helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, [1])

ATTACKS: dict[str, tuple[Change, str]] = {
    "weights in another file": (weight(elsewhere), "a tensor with data in another file"),
    "weights said to be elsewhere": (weight(located_elsewhere), "'first' with data in another file"),
    "a branch": (append(nested_ifs(0)), "an attribute with a graph of its own"),
    "ten branches in each other": (append(nested_ifs(10)), "an attribute with a graph of its own"),
    "a loop": (
        append(helper.make_node("Loop", ["", ""], ["x"], body=branch())),
        "an attribute with a graph of its own",
    ),
    "graphs": (
        append(helper.make_node("Scan", ["logit"], ["x"], bodies=[branch(), branch()])),
        "an attribute with a graph of its own",
    ),
    "an operator of another domain": (
        append(helper.make_node("Inverse", ["logit"], ["x"], domain="com.microsoft")),
        "an operator 'Inverse' of the domain 'com.microsoft'",
    ),
    "another domain among the opsets": (
        lambda model: model.opset_import.append(helper.make_opsetid("custom", 1)),
        "operators of the domain 'custom'",
    ),
    "two opsets": (lambda model: model.opset_import.append(helper.make_opsetid("", 18)), "names 2 opsets"),
    "one opset under each of its names": (
        lambda model: model.opset_import.append(helper.make_opsetid("ai.onnx", 17)),
        "names 2 opsets",
    ),
    "no opset": (lambda model: model.ClearField("opset_import"), "names 0 opsets"),
    "an old opset": (set_opset("", 16), "opset 16, expected 17 to 20"),
    "a new opset": (set_opset("", 21), "opset 21, expected 17 to 20"),
    "a new IR version": (lambda model: setattr(model, "ir_version", 13), "IR version 13, expected 8 to 9"),
    "a negative IR version": (lambda model: setattr(model, "ir_version", -8), "IR version"),
    "a function": (lambda model: model.functions.append(FUNCTION), "functions of its own"),
    "a training graph": (lambda model: model.training_info.add(), "a training graph of its own"),
    "an operator that fills": (
        append(helper.make_node("ConstantOfShape", ["channel_axis"], ["x"])),
        "an operator 'ConstantOfShape', which this crbl does not run",
    ),
    "an operator that expands": (append(helper.make_node("Expand", ["logit", "channel_axis"], ["x"])), "'Expand'"),
    "an operator that repeats": (append(helper.make_node("Tile", ["logit", "channel_axis"], ["x"])), "'Tile'"),
    "an operator that counts": (append(helper.make_node("Range", ["logit"] * 3, ["x"])), "'Range'"),
    "an operator that enlarges": (append(helper.make_node("Resize", ["logit"], ["x"])), "'Resize'"),
    "a constant": (append(helper.make_node("Constant", [], ["x"], value_int=1)), "'Constant'"),
    "a tensor as an attribute": (append(constant_tensor()), "an attribute with a tensor"),
    "a fraction as an attribute": (append(helper.make_node("Abs", ["logit"], ["x"], a=0.5)), "with a fraction"),
    "texts as an attribute": (append(helper.make_node("Abs", ["logit"], ["x"], a=["b"])), "with texts"),
    "declared values": (lambda model: model.graph.value_info.append(model.graph.output[0]), "declared values within"),
    "an operator without a name": (append(onnx.NodeProto(output=["x"])), "an operator ''"),
    "a name of many lines": (append(onnx.NodeProto(op_type="A\nB" * 50)), r"an operator 'A\\nB.*…"),
    "a sparse weight": (lambda model: model.graph.sparse_initializer.append(SPARSE), "a sparse tensor"),
    "a quantization": (lambda model: model.graph.quantization_annotation.add(), "a quantization"),
    "an input that is no tensor": (lambda model: model.graph.input.append(SEQUENCE), "values that are no tensors"),
    "no graph": (lambda model: model.ClearField("graph"), "has no graph"),
    "a weight of terabytes": (
        weight(lambda tensor: tensor.dims.__setitem__(0, 2**40)),
        r"'first' of the shape \[1099511627776, 3, 3, 3\] with 432 values",
    ),
    "a negative size": (weight(lambda tensor: tensor.dims.__setitem__(0, -16)), "expected as many as its shape has"),
    "sizes that overflow to the right one": (
        weight(lambda tensor: tensor.dims.extend([2**32, 2**32])),
        "expected as many as its shape has",
    ),
    "many axes": (weight(lambda tensor: tensor.dims.extend([1] * 50)), "54 axes, expected at most 8"),
    "values without a shape": (weight(lambda tensor: tensor.ClearField("dims")), "expected as many as its shape has"),
    "half a value": (weight(lambda tensor: setattr(tensor, "raw_data", tensor.raw_data[:-2])), "with None values"),
    "no values": (weight(lambda tensor: tensor.ClearField("raw_data")), "with 0 values"),
    "values in two forms": (weight(two_forms), r"two forms \(raw_data and float_data\)"),
    "values in the form of another type": (
        weight(lambda tensor: (tensor.ClearField("raw_data"), tensor.int64_data.extend([1] * 432))),
        "with 0 values",
    ),
    "texts as weights": (weight(lambda tensor: setattr(tensor, "data_type", TensorProto.STRING)), "element type 8"),
    "an unknown element type": (weight(lambda tensor: setattr(tensor, "data_type", 999)), "element type 999"),
    "a segment": (weight(lambda tensor: tensor.segment.CopyFrom(TensorProto.Segment(begin=0, end=1))), "a segment"),
    "a metadata key twice": (
        lambda model: model.metadata_props.extend([onnx.StringStringEntryProto(key="a", value=v) for v in "bc"]),
        "a key twice",
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_refused_by_name_although_its_hash_is_right(right: bytes, attack: str) -> None:
    change, message = ATTACKS[attack]
    with pytest.raises(ModelFileError, match=message) as caught:
        check_model_content(changed(right, change), "attack.onnx")
    assert str(caught.value).startswith("attack.onnx ")
    assert "export" in str(caught.value), "what to do next"
    assert "\n" not in str(caught.value)


LONG_TAG = bytes([0xFF] * 9 + [0x7F])
WIRE_ATTACKS: dict[str, tuple[bytes, str]] = {
    "an integer that does not end": (field(1, 0, b"\x80"), "an integer that does not end"),
    "an integer of eleven bytes": (field(1, 0, b"\x80" * 10 + b"\x01"), "more than 64 bits"),
    "an integer of 70 bits": (field(1, 0, b"\xff" * 9 + b"\x7f"), "more than 64 bits"),
    "a tag alone": (b"\xba", "an integer that does not end"),
    "a tag of 64 bits": (LONG_TAG, "an integer"),
    "the field 0": (field(0, 0, b"\x01"), "a field with the number 0"),
    "a length beyond the end": (field(7, 2, b"\x7f"), "a field of 127 bytes where only 0 follow"),
    "a length of 2**63": (field(7, 2, b"\x80" * 9 + b"\x01"), "bytes where only 0 follow"),
    "a length in a message beyond the message": (text(7, field(1, 2, b"\x05")) + b"12345678", "where only 0 follow"),
    "four bytes of which three are there": (field(7, 5, b"123"), "a field of 4 bytes where only 3 follow"),
    "a group": (field(7, 3, b""), "a field of the wire type 3"),
    "the end of a group": (field(7, 4, b""), "a field of the wire type 4"),
    "a wire type that does not exist": (field(7, 7, b""), "a field of the wire type 7"),
    "an unknown field": (field(15, 0, b"\x01"), "a field 15, which no CRBL model has"),
    "a number where a graph should be": (field(7, 0, b"\x01"), "'graph' has the wrong type"),
    "a text where a number should be": (text(5, b"8"), "'model_version' has the wrong type"),
    "a thousand graphs in each other": (text(7, nested_graphs(1000)), "an attribute with a graph of its own"),
    "two graphs": (text(7, b""), "a model with two fields 'graph', expected one"),
    "two IR versions": (field(1, 0, b"\x08"), "two fields 'ir_version'"),
    "a producer of no characters": (text(2, b"\xff"), "a model that is no UTF-8"),
    "metadata that is no text": (text(14, text(1, b"k") + text(2, b"\xff\xfe")), "metadata that is no UTF-8"),
}


@pytest.mark.parametrize("attack", WIRE_ATTACKS)
def test_what_no_protobuf_writer_writes_is_refused(right: bytes, attack: str) -> None:
    more, message = WIRE_ATTACKS[attack]
    with pytest.raises(ModelFileError, match=message):
        check_model_content(right + more, "attack.onnx")


def test_every_beginning_of_a_file_is_refused(right: bytes) -> None:
    """A file that is cut off has no contract, which is its last field, or has one that does not end."""
    for end in (*range(0, 600), *range(600, len(right), 97)):
        with pytest.raises(ModelFileError, match="cut"):
            check_model_content(right[:end], "cut.onnx")


def test_packed_and_typed_values_are_counted(right: bytes) -> None:
    """As older exporters write them."""

    def typed(model: onnx.ModelProto) -> None:
        for tensor in model.graph.initializer:
            values = numpy_helper.to_array(tensor)
            tensor.CopyFrom(helper.make_tensor(tensor.name, tensor.data_type, values.shape, values.ravel().tolist()))

    content = changed(right, typed)
    assert b"first" in content
    check_model_content(content, "typed.onnx")

    def one_less(model: onnx.ModelProto) -> None:
        typed(model)
        del model.graph.initializer[0].int64_data[0]

    with pytest.raises(ModelFileError, match=r"of the shape \[1\] with 0 values"):
        check_model_content(changed(right, one_less), "typed.onnx")


def test_nothing_of_onnxruntime_sees_an_attack_whatever_is_verified(
    right: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("onnxruntime was given the file")

    monkeypatch.setattr(onnxruntime_boundary, "open_session", never)
    path = tmp_path / "attack.onnx"
    for change in (weight(elsewhere), append(nested_ifs(0))):
        path.write_bytes(changed(right, change))
        for verify in ("on", "off"):
            with pytest.raises(ModelFileError, match=r"attack\.onnx .*(another file|a graph of its own)"):
                Detector(path, "cpu", verify=verify)
    path.write_bytes(right)
    with pytest.raises(ModelFileError, match="onnxruntime was given the file"):
        Detector(path, "cpu")


def test_a_file_edited_on_purpose_is_used_where_its_hash_is_not_to_be_verified(right: bytes, tmp_path: Path) -> None:
    path = tmp_path / "edited.onnx"
    path.write_bytes(right.replace(b'"threshold": 0.5', b'"threshold": 0.7'))
    with pytest.raises(ModelFileError, match="damaged or was changed"):
        Detector(path, "cpu")
    with Detector(path, "cpu", verify="off") as detector:
        assert detector.contract.threshold == 0.7


def test_weights_are_not_copied(crop: Trained) -> None:
    content = crop.model.read_bytes()
    tracemalloc.start()
    try:
        check_model_content(content, "crop.onnx")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < len(content) / 5


def test_files_of_other_programs_are_named_as_such(right: bytes) -> None:
    with pytest.raises(ModelFileError, match=r"a\.ort is in onnxruntime's own format"):
        check_model_content(b"\x20\x00\x00\x00ORTM" + right, "a.ort")
    model = onnx.load_model_from_string(right)
    del model.metadata_props[:]
    model.graph.node.append(helper.make_node("MaxPool", ["logit"], ["x"]))
    with pytest.raises(ModelFileError, match=r"foreign\.onnx is no CRBL model: it has no 'crbl' metadata"):
        check_model_content(model.SerializeToString(), "foreign.onnx")


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(path: Path) -> bytes:
        raise AssertionError(f"{path} was read")

    monkeypatch.setattr(Path, "read_bytes", never)
    path = tmp_path / "large.onnx"
    with path.open("wb") as file:
        file.truncate(LARGEST_MODEL_FILE + 1)
    with pytest.raises(ModelFileError, match=r"large\.onnx has 134,217,729 bytes"):
        Detector(path, "cpu")


def test_a_file_that_is_too_large_is_refused_by_its_size() -> None:
    check_model_size(LARGEST_MODEL_FILE, "large.onnx")
    with pytest.raises(ModelFileError, match=r"large\.onnx has 134,217,729 bytes, expected at most 134,217,728"):
        check_model_size(LARGEST_MODEL_FILE + 1, "large.onnx")


def test_a_file_of_many_small_values_ends_early(right: bytes) -> None:
    """Else a file within the limit of size, of a value in two bytes, would take minutes."""
    names = helper.make_node("Abs", [""] * (MOST_VALUES + 1), ["x"])
    axes = helper.make_node("Transpose", ["logit"], ["x"], perm=[1] * (MOST_VALUES + 1))
    for node in (names, axes):
        content = changed(right, append(node))
        with pytest.raises(ModelFileError, match=f"more than {MOST_VALUES} values"):
            check_model_content(content, "many.onnx")
    packed = text(8, b"\x01" * 100) * (MOST_VALUES // 100 + 1)
    attribute = onnx.AttributeProto.FromString(text(1, b"perm") + packed)
    assert len(attribute.ints) > MOST_VALUES


def test_the_table_of_messages_is_that_of_onnx() -> None:
    """Each field has the number, the name and the type that the package onnx knows."""
    compare(MODEL, onnx.ModelProto.DESCRIPTOR)


def compare(message: Message, descriptor: Descriptor) -> None:
    kinds = {
        "integer": {descriptor.fields[0].TYPE_INT64, descriptor.fields[0].TYPE_INT32, descriptor.fields[0].TYPE_ENUM},
        "integers": {descriptor.fields[0].TYPE_INT64},
        "text": {descriptor.fields[0].TYPE_STRING},
    }
    for number, known in message.fields.items():
        actual = descriptor.fields_by_number.get(number)
        if actual is None:
            assert known.name == "metadata_props", "a field that this version of onnx does not know yet"
            continue
        assert actual.name == known.name
        if isinstance(known.kind, Message):
            compare(known.kind, actual.message_type)
        elif known.kind in kinds:
            assert actual.type in kinds[known.kind], known.name


def test_the_sizes_of_elements_are_those_of_onnx() -> None:
    for kind, size in ELEMENT_BYTES.items():
        assert helper.tensor_dtype_to_np_dtype(kind).itemsize == size


def test_the_files_of_the_session_are_refused_where_one_operator_is_replaced(crop: Trained) -> None:
    content = crop.model.read_bytes()
    assert content.count(b"\x22\x06MatMul") == 3
    with pytest.raises(ModelFileError, match="'MatMuI'"):
        check_model_content(content.replace(b"\x22\x06MatMul", b"\x22\x06MatMuI"), Path("crop.onnx").name)
