"""Every value that a model file computes on the way from an image to its logit."""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from crbl_export.copied import copied
from crbl_runtime.contract import INPUT_NAME, LOGIT_NAME, PROBABILITY_NAME
from crbl_runtime.execution_provider import Provider
from crbl_runtime.session import Session


def nodes_of_logit(model: onnx.ModelProto) -> tuple[onnx.NodeProto, ...]:
    """The nodes between image and logit or probability, in the graph's order: not the heatmap's, not constants."""
    needed = {LOGIT_NAME, PROBABILITY_NAME}
    for node in reversed(model.graph.node):
        if needed & set(node.output):
            needed |= set(node.input)
    reached = {INPUT_NAME}
    nodes = []
    for node in model.graph.node:
        if needed & set(node.output) and reached & set(node.input):
            nodes.append(node)
            reached |= set(node.output)
    return tuple(nodes)


def onnx_values(model: onnx.ModelProto, pixels: NDArray[np.uint8], provider: Provider) -> dict[str, NDArray[Any]]:
    """What each of `nodes_of_logit` gives for one prepared image, uint8 [size, size, 3], by value name.

    All values are made outputs of the graph, so that onnxruntime has to compute each and cannot fuse nodes across it:
    an error of a fused kernel does not show.
    """
    exposed = copied(model)
    outputs = {value.name for value in exposed.graph.output}
    exposed.graph.output.extend(
        onnx.ValueInfoProto(name=name)
        for node in nodes_of_logit(model)
        for name in node.output
        if name and name not in outputs
    )
    session = Session(exposed.SerializeToString(), provider, 1 if provider.fixed_batch else None, "the exposed graph")
    return dict(session.run(pixels[np.newaxis]))
