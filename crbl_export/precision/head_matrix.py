"""The head's matrix: computed with in float32, stored as float16."""

import onnx
from onnx import TensorProto, helper, numpy_helper

from crbl_export.precision.to_half import to_half
from crbl_training.model.feature_extractor import FEATURE_CHANNELS


def store_head_matrix_as_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store the 1280 x 1280 weights as float16 and cast them to float32 in the graph.

    Cause: in float32 they are 6.6 of 38.5 MB, and a file with half-precision backbones would still be 58.5 % of its
    size. onnxruntime casts constants once, when it loads the file.

    Raises:
        ParityError: a weight is too large for half precision.
    """
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    for tensor in changed.graph.initializer:
        if tensor.dims == [FEATURE_CHANNELS, FEATURE_CHANNELS] and tensor.data_type == TensorProto.FLOAT:
            name = tensor.name
            half = f"{name}_half"
            tensor.CopyFrom(numpy_helper.from_array(to_half(numpy_helper.to_array(tensor), "of the head"), half))
            changed.graph.node.insert(0, helper.make_node("Cast", [half], [name], to=TensorProto.FLOAT))
    return changed
