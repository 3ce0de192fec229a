"""A graph to change while the given one stays as it is."""

import onnx


def copied(model: onnx.ModelProto) -> onnx.ModelProto:
    """A deep copy of the model."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy
