"""torch's older exporter, which records what a run of the model does."""

import io
import warnings

import onnx
import torch

from crbl_export.exporters.signature import example_image, output_names
from crbl_export.graph import ExportGraph
from crbl_runtime.contract import BATCH_DIMENSION, INPUT_NAME


def export_with_torchscript(graph: ExportGraph, opset: int) -> onnx.ModelProto:
    """The graph at this opset, with a free batch dimension.

    Raises:
        RuntimeError, ValueError: this torch does not know the opset.
    """
    outputs = output_names(graph)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # torch >= 2.9 recommends its other exporter, which does not write every opset.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph,
            (example_image(graph),),
            buffer,  # type: ignore[arg-type]  # torch's annotation has only what the newer exporter takes
            input_names=[INPUT_NAME],
            output_names=outputs,
            dynamic_axes={name: {0: BATCH_DIMENSION} for name in (INPUT_NAME, *outputs)},
            opset_version=opset,
            dynamo=False,
        )
    return onnx.load_from_string(buffer.getvalue())
