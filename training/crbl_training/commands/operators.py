"""crbl-doctor --ops: whether DirectML could do all of training."""

import json
from collections import Counter
from typing import TYPE_CHECKING

import click

from crbl_runtime.errors import UnavailableError
from crbl_runtime.variant import VARIANTS

if TYPE_CHECKING:
    from crbl_training.directml.audit import OperatorReport
    from crbl_training.directml.recorder import OperatorCall


def report_operators(as_json: bool) -> None:
    """Print every operator of a training step of both variants, and what computes it on torch-directml.

    Raises:
        UnavailableError: the trainer cannot be imported. click's Exit: with code 1, if anything is wrong.
    """
    report = _audit_training()
    click.echo(json.dumps(report.to_dict(), indent=2) if as_json else "\n".join(_operator_table(report)))
    if not report.passed:
        raise click.exceptions.Exit(1)


def _audit_training() -> "OperatorReport":
    from crbl_training.devices.machine_part import trainer_problem

    problem = trainer_problem()
    if problem is not None:
        raise UnavailableError(problem)
    from crbl_training.directml.audit import audit
    from crbl_training.directml.recorded_training import record_training

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
