"""torch.onnx.export, asked and checked."""

import io
import warnings

import onnx
import torch

from crbl_export.graph import ExportGraph
from crbl_runtime.contract import BATCH_DIMENSION, HEATMAP_NAME, INPUT_NAME, LOGIT_NAME, PROBABILITY_NAME
from crbl_runtime.errors import UnavailableError, UsageError

# DirectML has no Conv from opset 22 on; ReduceMean and Pad take their present form from 18 on.
OPSETS = range(17, 21)
DEFAULT_OPSET = 18


def export_graph(graph: ExportGraph, opset: int) -> onnx.ModelProto:
    """The graph as torch exports it, with a free batch dimension.

    Raises:
        UsageError: the opset is not from 17 to 20. UnavailableError: this torch wrote another opset than asked for.
    """
    if opset not in OPSETS:
        raise UsageError(f"The opset is {opset}, expected {OPSETS.start} to {OPSETS.stop - 1} (what DirectML runs).")
    size = graph.spec.image_size
    outputs = [PROBABILITY_NAME, LOGIT_NAME] + ([HEATMAP_NAME] if graph.with_heatmap else [])
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # torch >= 2.9 says that its other exporter is the future one; both are there until it is.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph.eval(),
            (torch.zeros(2, size, size, 3, dtype=torch.uint8),),
            buffer,
            input_names=[INPUT_NAME],
            output_names=outputs,
            dynamic_axes={name: {0: BATCH_DIMENSION} for name in (INPUT_NAME, *outputs)},
            opset_version=opset,
            dynamo=False,
        )
    model = onnx.load_from_string(buffer.getvalue())
    written = {entry.domain: entry.version for entry in model.opset_import}.get("")
    if written != opset:
        raise UnavailableError(f"torch {torch.__version__} wrote opset {written}, not {opset}. Ask for {written}.")
    return model
