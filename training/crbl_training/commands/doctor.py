"""crbl-doctor: what this machine can do for CRBL, and whether DirectML could do all of training."""

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from crbl_runtime.command_line import READ_FILE
from crbl_runtime.errors import UnavailableError, UsageError
from crbl_runtime.variant import VARIANTS

if TYPE_CHECKING:
    from crbl_training.devices.machine_report import MachineReport, ModelFileState
    from crbl_training.directml.audit import OperatorReport
    from crbl_training.directml.recorder import OperatorCall


@click.command(epilog="Examples: crbl-doctor   |   crbl-doctor crop.onnx full.onnx   |   crbl-doctor --ops")
@click.argument("model_files", metavar="[MODEL]...", nargs=-1, type=READ_FILE)
@click.option("--ops", "operators", is_flag=True, help="Check the operators of a training step against DirectML.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def main(model_files: tuple[Path, ...], operators: bool, as_json: bool) -> None:
    """Print the versions, the execution providers of crbl-predict and the devices of crbl-train, or why not.

    Of each MODEL print whether the file is whole and what it would run on. Exit code 1 if one cannot be used.

    With --ops instead: train a step of both variants, here and without a card, and list every operator that
    torch-directml would be given, what computes it there, and what is wrong with it. Exit code 1 if anything is.
    """
    if operators and model_files:
        raise UsageError(
            "--ops is about training and takes no model files. Run crbl-doctor once with and once without."
        )
    if operators:
        _report_operators(as_json)
    else:
        _report_machine(model_files, as_json)


def _report_operators(as_json: bool) -> None:
    report = _audit_training()
    click.echo(json.dumps(report.to_dict(), indent=2) if as_json else "\n".join(_operator_table(report)))
    if not report.passed:
        raise click.exceptions.Exit(1)


def _report_machine(model_files: tuple[Path, ...], as_json: bool) -> None:
    from crbl_runtime.onnxruntime_boundary import print_errors_only
    from crbl_training.devices.machine_report import report_machine

    print_errors_only()
    report = report_machine(model_files)
    click.echo(json.dumps(report.to_dict(), indent=2) if as_json else "\n".join(_machine_lines(report)))
    if any(file.payload_sha256 is None for file in report.model_files):
        raise click.exceptions.Exit(1)


def _audit_training() -> "OperatorReport":
    from crbl_training.devices.machine_report import torch_missing

    try:
        from crbl_training.directml.audit import audit
        from crbl_training.directml.recorded_training import record_training
    except (ImportError, OSError) as error:
        raise UnavailableError(torch_missing(error)) from error
    calls: Counter[OperatorCall] = Counter()
    for variant in VARIANTS.values():
        calls += record_training(variant.trainable)
    return audit(calls)


def _operator_table(report: "OperatorReport") -> list[str]:
    width = max(len(row.operator) for row in report.operators)
    lines = [f"{'operator':{width}}  {'times':>6}  {'computed by':{width}}  finding"]
    for row in report.operators:
        findings = "; ".join(f"{finding.effect}: {finding.reason}" for finding in row.findings)
        lines.append(f"{row.operator:{width}}  {row.times:6}  {row.computed_by:{width}}  {findings}".rstrip())
    calls = sum(row.times for row in report.operators)
    verdict = "torch-directml computes all itself" if report.passed else f"{len(report.findings)} findings"
    return [*lines, f"{len(report.operators)} operators, {calls} calls in training both variants: {verdict}"]


def _machine_lines(report: "MachineReport") -> list[str]:
    providers = [f"  {each.kind:24} {each.reason or 'works'}" for each in report.execution_providers]
    devices = [
        f"  {device.kind:24} {f'works: {device.name}' if device.reason is None else device.reason}"
        for device in report.training_devices
    ]
    return [
        f"crbl {report.crbl}, Python {report.python}, {report.platform}",
        *([f"  {report.about_processor}"] if report.about_processor else []),
        "Packages",
        *(f"  {name:24} {installed or 'not installed'}" for name, installed in report.packages.items()),
        *(f"  Warning: {conflict}" for conflict in report.conflicts),
        "Execution providers (crbl-predict)",
        *providers,
        "Preparing images",
        f"  {report.preparation or 'the golden image has the pixels that it has everywhere'}",
        "Training devices (crbl-train)",
        *devices,
        *(["Model files"] if report.model_files else []),
        *(line for file in report.model_files for line in _model_file_lines(file)),
    ]


def _model_file_lines(file: "ModelFileState") -> list[str]:
    if file.payload_sha256 is None:
        return [f"  {file.path}  {' '.join(file.remarks)}"]
    whole = f"  {file.path}  whole (payload {file.payload_sha256[:12]}…), runs on {file.provider}"
    return [whole, *(f"    {remark}" for remark in file.remarks)]
