"""crbl-check: will DirectML run the whole file?"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from crbl_runtime.command_line import READ_FILE
from crbl_runtime.counted import counted
from crbl_runtime.errors import ModelFileError

if TYPE_CHECKING:
    import onnx


@click.command(epilog="Example: crbl-check crop.onnx")
@click.argument("model", type=READ_FILE)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def main(model: Path, as_json: bool) -> None:
    """Check every node of any ONNX file against the kernels of onnxruntime's DirectML provider.

    Exit code 1 where a node would leave the GPU or the file would not load.
    """
    from crbl_export.directml.check import check_directml

    report = check_directml(_read(model))
    if as_json:
        click.echo(json.dumps({"model": str(model), **report.to_dict()}, indent=2))
    else:
        for finding in report.findings:
            click.echo(f"{finding.node or model.name}: {finding.reason}")
        verdict = "all have DirectML kernels" if report.passed else counted(len(report.findings), "finding")
        click.echo(f"{counted(report.nodes, 'node')}, opset {report.opset}, batch fixed: {verdict}")
    if not report.passed:
        raise click.exceptions.Exit(1)


def _read(path: Path) -> "onnx.ModelProto":
    import onnx
    from google.protobuf.message import DecodeError

    try:
        # Weights in other files are not needed here, and a file must not name what is read.
        return onnx.load(path, load_external_data=False)
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read ({error.strerror}). Name an ONNX file.") from error
    except DecodeError as error:
        raise ModelFileError(f"{path} is no ONNX file, or a damaged one ({error}). Export it again.") from error
