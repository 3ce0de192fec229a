"""crbl-check: will DirectML run the whole file, and which onnxruntime loads it?"""

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

    It also says from which onnxruntime on the file loads. Exit code 1 where a node would leave the GPU or DirectML
    would not load the file.
    """
    from crbl_export.directml.check import check_directml
    from crbl_export.first_onnxruntime import first_onnxruntime

    read = _read(model)
    report, onnxruntime = check_directml(read), first_onnxruntime(read)
    if as_json:
        versions = {"ir_version": read.ir_version, "onnxruntime": onnxruntime}
        click.echo(json.dumps({"model": str(model), **report.to_dict(), **versions}, indent=2))
    else:
        for finding in report.findings:
            click.echo(f"{finding.node or model.name}: {finding.reason}")
        verdict = "all have DirectML kernels" if report.passed else counted(len(report.findings), "finding")
        click.echo(f"{counted(report.nodes, 'node')}, opset {report.opset}, batch fixed: {verdict}")
        loads = f"onnxruntime {onnxruntime} and newer" if onnxruntime else "a newer onnxruntime than this crbl knows"
        click.echo(f"opset {report.opset}, IR version {read.ir_version}: loads in {loads}")
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
