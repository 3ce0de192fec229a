"""From a trained model to a model file, before the gate."""

import importlib.metadata

import onnx
import torch

from crbl_export.exporters.export_graph import export_graph, exporter_for
from crbl_export.graph import ExportGraph
from crbl_export.model_file import ModelFile
from crbl_export.options import ExportOptions
from crbl_export.parity.limits import SELF_TEST_TOLERANCE, rounding_limit
from crbl_export.parity.reference import reference_logits
from crbl_export.passes import PASSES
from crbl_export.passes.apply import apply_passes
from crbl_export.precision.stored import stored_in_half
from crbl_export.trained_model import TrainedModel
from crbl_runtime.contract import ModelContract, SelfTest
from crbl_runtime.golden_image import golden_image_sha256
from crbl_runtime.self_test import self_test_images
from crbl_runtime.version import __version__
from crbl_training.checkpoint import LABELS, Checkpoint

# The packages, besides torch and onnx, that a file's bytes come from.
WRITTEN_BY = {"dynamo": ("onnxscript", "onnxsim"), "torchscript": ("onnxsim",)}


def build_model_file(trained: TrainedModel, options: ExportOptions) -> ModelFile:
    """Graph and contract of a model. The contract has no parity report yet.

    Args:
        trained: the model `as_stored` in the precision of the options.

    Raises:
        UsageError, UnavailableError: see `export_graph`. CheckpointError: see `apply_passes`.
        ParityError: a pass broke the graph, or changed weights that were rounded to half.
    """
    pixels = self_test_images(trained.preprocessing.image_size)
    reference = reference_logits(trained, pixels)
    exporter = exporter_for(options.opset)
    exported = export_graph(
        ExportGraph(trained.float32, trained.preprocessing, heatmap=options.heatmap), options.opset, exporter
    )
    graph = apply_passes(exported, PASSES, pixels, reference)
    if options.precision == "fp16":
        graph = stored_in_half(graph)
    onnx.checker.check_model(graph, full_check=True)
    self_test = SelfTest(
        logits=tuple(round(float(logit), 7) for logit in reference.float64),
        # A network that magnifies rounding is off by more, though computed correctly.
        tolerance=max(SELF_TEST_TOLERANCE, rounding_limit(reference.error_torch)),
    )
    return ModelFile(graph, _contract(trained.checkpoint, options, exporter, self_test))


def _contract(checkpoint: Checkpoint, options: ExportOptions, exporter: str, self_test: SelfTest) -> ModelContract:
    return ModelContract(
        variant=checkpoint.variant.name,
        threshold=checkpoint.threshold,
        threshold_source=checkpoint.threshold_source,
        labels=LABELS,
        preprocessing=checkpoint.preprocessing,
        precision=options.precision,
        training={"checkpoint_hash": checkpoint.hash, **checkpoint.provenance},
        export={
            "exporter": exporter,
            "opset": options.opset,
            "versions": {
                "crbl": __version__,
                "torch": torch.__version__,
                "onnx": onnx.__version__,
                **{package: importlib.metadata.version(package) for package in WRITTEN_BY[exporter]},
            },
        },
        parity=None,
        self_test=self_test,
        golden_image=golden_image_sha256(checkpoint.preprocessing),
        calibration=checkpoint.calibration,
    )
