"""What tests of the parity report share: a model file that does not decide as its checkpoint."""

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from crbl_runtime.contract import LOGIT_NAME
from rewritten_model import rewritten


def with_moved_logits(model: Path, by: float) -> bytes:
    """The model file with another bias of the head, so that every logit is off by as much."""

    def move(graph: onnx.GraphProto) -> None:
        node = next(node for node in graph.node if LOGIT_NAME in node.output)
        bias = next(tensor for tensor in graph.initializer if tensor.name in node.input)
        bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) + np.float32(by), bias.name))

    return rewritten(model.read_bytes(), move)
