"""From a checkpoint to a model file that passed the gate."""

import importlib.metadata
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import torch

from crbl_export.directml.check import check_directml
from crbl_export.exporters import export_graph, exporter_for
from crbl_export.graph import ExportGraph
from crbl_export.model_card.beside_model import replacing_with_card
from crbl_export.parity.compare import ParityReport, ParitySet
from crbl_export.parity.limits import LIMITS, Limits
from crbl_export.parity.providers import ParityGate, check_providers
from crbl_export.parity.reference import Reference, reference_logits
from crbl_export.parity.text import fault_lines
from crbl_export.passes import PASSES
from crbl_export.passes.apply import apply_passes
from crbl_export.precision.convert import in_precision
from crbl_export.precision.half_on_a_gpu import half_self_test_tolerance, require_half_on_a_gpu
from crbl_export.precision.rounded_half import rounded_to_half
from crbl_runtime.contract import METADATA_KEY, ModelContract, SelfTest
from crbl_runtime.errors import ModelFileError, ParityError
from crbl_runtime.self_test import self_test_images
from crbl_runtime.version import __version__
from crbl_training.checkpoint import LABELS, Checkpoint

logger = logging.getLogger("crbl_export")


# The packages, besides torch and onnx, that a file's bytes come from.
WRITTEN_BY = {"dynamo": ("onnxscript", "onnxsim"), "torchscript": ("onnxsim",)}


def build_model_file(
    checkpoint: Checkpoint,
    *,
    opset: int,
    heatmap: bool,
    precision: str = "fp32",
) -> onnx.ModelProto:
    """The model file of a checkpoint, with its contract, before the gate.

    Raises:
        UsageError, UnavailableError: see `export_graph` and `in_precision`. CheckpointError: see `apply_passes`.
        ParityError: a pass broke the graph, or a weight does not fit the precision.
    """
    images = self_test_images(checkpoint.preprocessing.image_size)
    reference = reference_logits(checkpoint, images)
    graph = ExportGraph(checkpoint.build_model(), checkpoint.preprocessing, heatmap=heatmap)
    exporter = exporter_for(opset)
    model = apply_passes(export_graph(graph, opset, exporter), PASSES, images, reference)
    model = in_precision(model, precision)
    onnx.checker.check_model(model, full_check=True)
    return with_contract(model, _contract(checkpoint, opset, exporter, reference, precision, model))


def export_checkpoint(
    checkpoint: Checkpoint,
    output: Path,
    images: ParitySet,
    *,
    opset: int,
    heatmap: bool,
    require_directml: bool = True,
    precision: str = "fp32",
    limits: Limits | None = None,
) -> ParityGate:
    """Export a checkpoint to `output`, its card beside it, if, and only if, it decides as PyTorch does on `images`.

    The gate runs on the CPU and on every GPU provider that starts; what travels in the file is the CPU's report, so
    that its bytes do not depend on the graphics card.

    Args:
        require_directml: a node without a DirectML kernel is an error and not a warning.
        precision: "fp32" or "fp16".
        limits: what the file may differ; None for those of the precision.

    Raises:
        ParityError: it does not; no file is left behind. ModelFileError: a node has no DirectML kernel.
        OutputError: the file cannot be written.
    """
    model = build_model_file(checkpoint, opset=opset, heatmap=heatmap, precision=precision)
    limits = limits if limits is not None else LIMITS[precision]
    _check_directml(model, require_directml)
    contract = ModelContract.from_json(metadata_text(model), output.name)
    measured = {}
    if precision == "fp16":
        rounded = serialize(rounded_to_half(model))
        error = require_half_on_a_gpu(rounded, contract.self_test, checkpoint, images, limits)
        measured = {"error_rounded_to_half": float(f"{error:.2g}")}
    with replacing_with_card(output) as candidate:
        candidate.write_bytes(serialize(model))
        gate = check_providers(
            candidate,
            checkpoint,
            images,
            tolerance=limits.tolerance,
            max_flips=limits.max_flips,
            margin=limits.margin,
        )
        for report in gate.reports:
            _require_passed(report)
        proven = with_contract(model, replace(contract, parity=parity_summary(gate.reports[0]) | measured))
        candidate.write_bytes(serialize(proven))
    return gate


def _require_passed(report: ParityReport) -> None:
    if report.passed:
        return
    where = f" First faulty node: {'; '.join(fault_lines(report.fault))}." if report.fault is not None else ""
    raise ParityError(
        f"The exported file does not decide as PyTorch does on {report.provider}: {'; '.join(report.failures)} "
        f"(worst image: {report.worst_image}).{where} Nothing was written."
    )


def parity_summary(report: ParityReport) -> dict[str, Any]:
    """What of a parity report travels in the file: nothing that names the machine's folders."""
    kept = (
        "provider", "onnxruntime", "images", "images_hash", "error_torch", "error_onnx", "limit", "margin",
        "max_flips", "flips", "flips_within_margin",
    )  # fmt: skip
    values = report.to_dict()
    return {key: float(f"{values[key]:.2g}") if isinstance(values[key], float) else values[key] for key in kept}


def with_contract(model: onnx.ModelProto, contract: ModelContract) -> onnx.ModelProto:
    """A copy of the model that carries the contract and no other metadata."""
    carrying = onnx.ModelProto()
    carrying.CopyFrom(model)
    del carrying.metadata_props[:]
    onnx.helper.set_model_props(carrying, {METADATA_KEY: contract.to_json()})
    return carrying


def metadata_text(model: onnx.ModelProto) -> str:
    """The contract's JSON."""
    return next(entry.value for entry in model.metadata_props if entry.key == METADATA_KEY)


def serialize(model: onnx.ModelProto) -> bytes:
    """The file's bytes, the same for the same model."""
    return model.SerializeToString(deterministic=True)


def _check_directml(model: onnx.ModelProto, required: bool) -> None:
    findings = check_directml(model).findings
    if not findings:
        return
    shown = "; ".join(f"{finding.node} ({finding.operator}): {finding.reason}" for finding in findings[:5])
    message = f"{len(findings)} nodes of the exported graph would not run on DirectML: {shown}."
    if required:
        raise ModelFileError(f"{message} Nothing was written. --no-require-directml exports it all the same.")
    logger.warning("%s", message)


def _contract(
    checkpoint: Checkpoint,
    opset: int,
    exporter: str,
    self_test: Reference,
    precision: str,
    model: onnx.ModelProto,
) -> ModelContract:
    logits = self_test.float64
    tolerance = LIMITS[precision].self_test_tolerance
    if precision == "fp16":
        tolerance = min(tolerance, half_self_test_tolerance(model, logits, checkpoint.preprocessing.image_size))
    return ModelContract(
        variant=checkpoint.variant.name,
        threshold=checkpoint.threshold,
        threshold_source=checkpoint.threshold_source,
        labels=LABELS,
        preprocessing=checkpoint.preprocessing,
        precision=precision,
        training={"checkpoint_hash": checkpoint.hash, **checkpoint.provenance},
        export={
            "exporter": exporter,
            "opset": opset,
            "versions": {
                "crbl": __version__,
                "torch": torch.__version__,
                "onnx": onnx.__version__,
                **{package: importlib.metadata.version(package) for package in WRITTEN_BY[exporter]},
            },
        },
        parity=None,
        self_test=SelfTest(tuple(round(float(logit), 7) for logit in logits), tolerance),
    )
