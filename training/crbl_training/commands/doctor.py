"""crbl-doctor: what this machine can do for CRBL, and whether DirectML could do all of training."""

import json
from collections import Counter
from typing import TYPE_CHECKING

import click

from crbl_runtime.errors import UnavailableError
from crbl_runtime.variant import VARIANTS

if TYPE_CHECKING:
    from crbl_training.devices.machine_report import MachineReport
    from crbl_training.directml.audit import OperatorReport
    from crbl_training.directml.recorder import OperatorCall


@click.command(epilog="Examples: crbl-doctor   |   crbl-doctor --ops")
@click.option("--ops", "operators", is_flag=True, help="Check the operators of a training step against DirectML.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def main(operators: bool, as_json: bool) -> None:
    """Print the versions, the execution providers of crbl-predict and the devices of crbl-train, or why not.

    With --ops instead: train a step of both variants, here and without a card, and list every operator that
    torch-directml would be given, what computes it there, and what is wrong with it. Exit code 1 if anything is.
    """
    if operators:
        _report_operators(as_json)
    else:
        _report_machine(as_json)


def _report_operators(as_json: bool) -> None:
    report = _audit_training()
    click.echo(json.dumps(report.to_dict(), indent=2) if as_json else "\n".join(_operator_table(report)))
    if not report.passed:
        raise click.exceptions.Exit(1)


def _report_machine(as_json: bool) -> None:
    from crbl_training.devices.machine_report import report_machine

    report = report_machine()
    click.echo(json.dumps(report.to_dict(), indent=2) if as_json else "\n".join(_machine_lines(report)))


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
    devices = [
        f"  {device.kind:24} {f'works: {device.name}' if device.reason is None else device.reason}"
        for device in report.training_devices
    ]
    warning = [f"  {report.providers_warning}"] if report.providers_warning else []
    return [
        f"crbl {report.crbl}, Python {report.python}, {report.platform}",
        "Packages",
        *(f"  {name:24} {installed or 'not installed'}" for name, installed in report.packages.items()),
        "Execution providers (crbl-predict)",
        *(f"  {name}" for name in report.execution_providers),
        *warning,
        "Preparing images",
        f"  {report.preparation or 'the golden image has the pixels that it has everywhere'}",
        "Training devices (crbl-train)",
        *devices,
    ]
