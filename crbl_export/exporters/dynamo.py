"""torch's newer exporter, which reads the model's code."""

import warnings

import onnx
import torch

from crbl_export.exporters.signature import example_image, output_names
from crbl_export.graph import ExportGraph
from crbl_runtime.contract import BATCH_DIMENSION, INPUT_NAME


def export_with_dynamo(graph: ExportGraph, opset: int) -> onnx.ModelProto:
    """The graph with a free batch dimension; at this opset where dynamo writes it.

    onnxscript's optimizer must run (`optimize`): without it BatchNorm stays behind CastLike and Expand nodes that the
    simplifier does not see through.

    Raises:
        torch.onnx.OnnxExporterError: dynamo cannot translate the model, or onnxscript is not installed.
    """
    with warnings.catch_warnings():
        # Notices of torch about its own code.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            graph,
            (example_image(graph),),
            input_names=[INPUT_NAME],
            output_names=output_names(graph),
            dynamic_shapes=({0: torch.export.Dim(BATCH_DIMENSION)},),
            opset_version=opset,
            dynamo=True,
            optimize=True,
            verbose=False,
        )
    assert program is not None
    return program.model_proto
