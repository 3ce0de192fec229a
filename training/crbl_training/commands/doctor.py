"""crbl-doctor: what this machine can do for CRBL, and whether DirectML could do all of training."""

import json
from collections import Counter
from typing import TYPE_CHECKING

import click

from crbl_runtime.errors import UnavailableError
from crbl_runtime.variant import VARIANTS
from crbl_training.devices.machine_report import MachineReport, report_machine, torch_missing

if TYPE_CHECKING:  # Not imported here: the command must be able to tell that torch is missing.
    from crbl_training.directml.audit import OperatorReport


@click.command(epilog="Examples: crbl-doctor   |   crbl-doctor --ops")
@click.option("--ops", "operators", is_flag=True, help="Hold the operators of a training step against DirectML.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def main(operators: bool, as_json: bool) -> None:
    """Tell the versions, the execution providers of crbl-predict and the devices of crbl-train, or why not.

    With --ops instead: train a step of both variants, here and without a card, and list every operator that
    torch-directml would be given, what computes it there, and what is wrong with it. Exit code 1 if anything is.
    """
    report = _audit_training() if operators else report_machine()
    if as_json:
        click.echo(json.dumps(report.to_dict(), indent=2))
    else:
        click.echo("\n".join(_operator_table(report) if operators else _machine_lines(report)))
    if operators and not report.passed:
        raise click.exceptions.Exit(1)


def _audit_training() -> "OperatorReport":
    try:
        from crbl_training.directml.audit import audit
        from crbl_training.directml.recorded_training import record_training
    except (ImportError, OSError) as error:
        raise UnavailableError(torch_missing(error)) from error
    calls = Counter()
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


def _machine_lines(report: MachineReport) -> list[str]:
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
        "Training devices (crbl-train)",
        *devices,
    ]


if __name__ == "__main__":
    main()
