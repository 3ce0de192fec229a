"""crbl-doctor: what this machine can do for CRBL, what is wrong with it, and what mends that."""

import importlib
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from crbl_runtime.command_line import READ_FILE
from crbl_runtime.ending import UNAVAILABLE
from crbl_runtime.errors import UnavailableError, UsageError
from crbl_runtime.machine_report.finding import PURPOSES

# The trainer's part. The runtime does not import the trainer, and is installed without it, too.
OPERATORS = "crbl_training.commands.operators"


@click.command(
    epilog="Examples: crbl-doctor   |   crbl-doctor crop.onnx full.onnx   |   crbl-doctor --for train   |   "
    "crbl-doctor --ops"
)
@click.argument("model_files", metavar="[MODEL]...", nargs=-1, type=READ_FILE)
@click.option(
    "--for", "purpose", type=click.Choice(PURPOSES), help="What the machine is to do: exit code 3 where it cannot."
)
@click.option("--ops", "operators", is_flag=True, help="Check the operators of a training step against DirectML.")
@click.option("--forget", is_flag=True, help="Forget which provider was measured to be the fastest one.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def main(model_files: tuple[Path, ...], purpose: str | None, operators: bool, forget: bool, as_json: bool) -> None:
    """Print versions, graphics adapters, the execution providers of crbl-predict and the devices of crbl-train, each
    tried, and all that is wrong, with the commands that mend it.

    Of each MODEL print whether the file is whole and what it would run on. Exit code 1 if one cannot be used, 3 if
    packages of the runtime are broken, or something that --for asks for.

    With --ops instead: train a step of both variants, here and without a card, and list every operator that
    torch-directml would be given, what computes it there, and what is wrong with it. Exit code 1 if anything is.

    With --forget instead: let the provider "fastest" measure again.
    """
    if (operators or forget) and (model_files or purpose or operators == forget):
        raise UsageError(
            "--ops and --forget stand alone, without model files and --for. Run crbl-doctor once for each of them."
        )
    if operators:
        _operators_command()(as_json)
    elif forget:
        _forget(as_json)
    else:
        _report_machine(model_files, purpose, as_json)


def _operators_command() -> Any:
    if find_spec(OPERATORS.partition(".")[0]) is None:
        raise UnavailableError(
            "--ops is about training, and this is the runtime alone. Install the whole project, with the extra train."
        )
    return importlib.import_module(OPERATORS).report_operators


def _forget(as_json: bool) -> None:
    from crbl_runtime.fastest import forget

    count = forget()
    click.echo(json.dumps({"forgotten": count}) if as_json else f"Measurements that were forgotten: {count}")


def _report_machine(model_files: tuple[Path, ...], purpose: str | None, as_json: bool) -> None:
    from crbl_runtime.machine_report.lines import report_lines
    from crbl_runtime.machine_report.report import report_machine

    report = report_machine(model_files, purpose)
    click.echo(json.dumps(report.to_dict(), indent=2) if as_json else "\n".join(report_lines(report)))
    if report.broken or (purpose is not None and report.broken_for(purpose)):
        raise click.exceptions.Exit(UNAVAILABLE)
    if any(file.payload_sha256 is None for file in report.model_files):
        raise click.exceptions.Exit(1)
