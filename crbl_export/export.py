"""From a checkpoint to a model file that passed the gate."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import onnx

from crbl_export.build import build_model_file
from crbl_export.directml.check import check_directml
from crbl_export.gate import measure_rounding, run_gate
from crbl_export.model_card.beside_model import replacing_with_card
from crbl_export.options import ExportOptions
from crbl_export.parity.image_set import ImageFiles, read_image_set
from crbl_export.parity.report import ParityGate
from crbl_export.parity.text import divergence_lines, gate_lines
from crbl_export.precision.rounded import as_stored
from crbl_export.trained_model import TrainedModel
from crbl_runtime.counted import counted
from crbl_runtime.errors import ModelFileError, OutputError, ParityError
from crbl_runtime.verification.record import content_sha256
from crbl_training.checkpoint import Checkpoint

logger = logging.getLogger("crbl_export")


def export_checkpoint(
    checkpoint: Checkpoint, images: ImageFiles, output: Path, options: ExportOptions | None = None
) -> ParityGate:
    """Export a checkpoint to `output`, card and report beside it, if, and only if, it decides as PyTorch on `images`.

    The gate runs on the CPU and on every GPU provider that starts; what travels in the file is the CPU's report, so
    that its bytes do not depend on the graphics card.

    Args:
        options: None for the defaults.

    Raises:
        ParityError: it does not, or rounding the weights to half changes too much; no file is left behind.
        ModelFileError: a node has no DirectML kernel.
        OutputError: the file cannot be written.
        CheckpointError: the checkpoint cannot be built.
        UsageError, UnavailableError: see `build_model_file`.
    """
    options = options if options is not None else ExportOptions()
    trained = TrainedModel.of(checkpoint)
    stored = as_stored(trained, options.precision)
    compared = read_image_set(images, stored)
    file = build_model_file(stored, options)
    _check_directml(file.graph, required=options.require_directml)
    rounding = measure_rounding(trained, stored, compared)
    gate: ParityGate | None = None
    try:
        with replacing_with_card(output) as (candidate, report):
            candidate.write_bytes(file.to_bytes())
            gate = replace(run_gate(candidate, stored, compared, options.limits), rounding=rounding)
            _require_passed(gate)
            parity = gate.reports[0].summary() | (rounding.summary() if rounding is not None else {})
            contract = replace(file.contract, parity=parity)
            content = replace(file, contract=contract).to_bytes()
            candidate.write_bytes(content)
            gate = replace(gate, record=replace(gate.record, model_sha256=content_sha256(content)))
            report.write_bytes(json.dumps(gate.to_dict(), indent=2, allow_nan=False).encode())
    except OutputError as error:
        if gate is None:
            raise
        measured = "\n".join(gate_lines(gate))
        raise OutputError(f"{error} What was measured until then:\n{measured}") from error
    return gate


def _require_passed(gate: ParityGate) -> None:
    for report in gate.reports:
        if report.passed:
            continue
        where = ""
        if report.divergence is not None:
            where = f" First divergent node: {'; '.join(divergence_lines(report.divergence))}."
        raise ParityError(
            f"The exported file does not decide as PyTorch does on {report.provider}: {'; '.join(report.failures)} "
            f"(worst image: {report.worst_image}).{where} Nothing was written."
        )


def _check_directml(model: onnx.ModelProto, *, required: bool) -> None:
    findings = check_directml(model).findings
    if not findings:
        return
    shown = "; ".join(f"{finding.node} ({finding.operator}): {finding.reason}" for finding in findings[:5])
    message = f"{counted(len(findings), 'node')} of the exported graph would not run on DirectML: {shown}."
    if required:
        raise ModelFileError(f"{message} Nothing was written. --no-require-directml exports it all the same.")
    logger.warning("%s", message)
