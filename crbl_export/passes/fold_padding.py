"""SAME padding as an attribute of the convolution."""

import onnx
from onnx import numpy_helper

from crbl_export.copied import copied


def fold_padding(model: onnx.ModelProto) -> onnx.ModelProto:
    """Merge each zero Pad of height and width that only Convs read into these.

    Cause: the model pads at the back in a node of its own, since that is what can be trained on DirectML; a Conv takes
    different padding at either end, and one pass over the feature map is saved.
    """
    folded = copied(model)
    graph = folded.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    for pad in [node for node in graph.node if node.op_type == "Pad"]:
        users = readers.get(pad.output[0], [])
        amounts = _spatial_amounts(pad, constants)
        if amounts is None or any(user.op_type != "Conv" or user.input[0] != pad.output[0] for user in users):
            continue
        for convolution in users:
            _add_pads(convolution, amounts)
            convolution.input[0] = pad.input[0]
        graph.node.remove(pad)
    return folded


def _spatial_amounts(pad: onnx.NodeProto, constants: dict[str, onnx.TensorProto]) -> list[int] | None:
    """[top, left, bottom, right] of a zero Pad of [N, C, H, W] that touches H and W alone, else None."""
    mode = next((attribute.s for attribute in pad.attribute if attribute.name == "mode"), b"constant")
    if mode != b"constant" or pad.input[1] not in constants or len(pad.input) > 3:
        return None
    value = pad.input[2] if len(pad.input) > 2 else ""
    if value and (value not in constants or numpy_helper.to_array(constants[value]).item() != 0):
        return None
    amounts = numpy_helper.to_array(constants[pad.input[1]]).tolist()
    if len(amounts) != 8 or any(amounts[axis] for axis in (0, 1, 4, 5)) or min(amounts) < 0:
        return None
    return [amounts[axis] for axis in (2, 3, 6, 7)]


def _add_pads(convolution: onnx.NodeProto, amounts: list[int]) -> None:
    for attribute in convolution.attribute:
        if attribute.name == "pads":
            attribute.ints[:] = [own + more for own, more in zip(attribute.ints, amounts, strict=True)]
            return
    convolution.attribute.append(onnx.helper.make_attribute("pads", amounts))
