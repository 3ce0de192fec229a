"""crbl-parity: the gate alone, for a file that exists."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from crbl_export.commands.given_command import given_command
from crbl_runtime.atomic_file import require_writable, write_text
from crbl_runtime.command_line import READ_FILE, READ_FOLDER, WRITTEN_PATH, ProviderName
from crbl_runtime.left_out import left_out_as_json, left_out_lines
from crbl_runtime.options import ALL_PROVIDERS, provider_kinds
from crbl_runtime.report.size import REPORT_FILE

if TYPE_CHECKING:
    from crbl_export.parity.image_set import ImageFiles
    from crbl_export.parity.report import ParityGate


@click.command(
    epilog="Example: crbl-parity crop.onnx --checkpoint CRBL_250328_pytorch_directml_crop.pth --verify images"
)
@click.argument("model", type=READ_FILE)
@click.option("--checkpoint", "checkpoint_path", type=READ_FILE, required=True, help="Where it comes from.")
@click.option(
    "--verify",
    type=READ_FOLDER,
    help="Folder with real images. Default: the validation images of the training run.",
)
@click.option(
    "--provider",
    type=ProviderName(ALL_PROVIDERS, *provider_kinds()),
    default="cpu",
    show_default=True,
    help="all: the CPU and every GPU provider that works here, each with a report of its own.",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    help="Allowed |logit error|. Default: ten times PyTorch's own, at least 1e-4.",
)
@click.option(
    "--max-flips",
    type=click.FloatRange(min=0, max=1, max_open=True),
    default=0.0,
    show_default=True,
    help="Allowed share of decisions that differ outside the margin.",
)
@click.option("--allow-made-images", is_flag=True, help="Without real images, compare on images made by formula.")
@click.option(
    "--report",
    type=WRITTEN_PATH,
    help=f"Folder for {REPORT_FILE}, a page with the errors of all images, the flips and the first divergence.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the reports as JSON; crbl-verify reads it.")
@click.pass_context
def main(
    context: click.Context,
    model: Path,
    checkpoint_path: Path,
    verify: Path | None,
    provider: str,
    tolerance: float | None,
    max_flips: float,
    allow_made_images: bool,
    report: Path | None,
    as_json: bool,
) -> None:
    """Check that MODEL decides as its checkpoint does. Exit code 1, and the first divergent node, where it does not."""
    if report is not None:
        require_writable(report / REPORT_FILE)

    from crbl_export.gate import check_parity
    from crbl_export.parity.image_set import choose_images
    from crbl_export.parity.limits import Limits
    from crbl_export.parity.text import gate_lines
    from crbl_runtime.onnxruntime_boundary import print_errors_only
    from crbl_runtime.payload import check_payload
    from crbl_training.checkpoint import load_checkpoint

    print_errors_only()
    checkpoint = load_checkpoint(checkpoint_path)
    images = choose_images(checkpoint_path, verify, allow_made_images=allow_made_images)
    payload_sha256 = check_payload(model.read_bytes(), model.name)
    gate = check_parity(model, checkpoint, images, Limits(tolerance, max_flips), provider)
    if as_json:
        result = gate.to_dict() | {"left_out": left_out_as_json(images.left_out)}
        click.echo(json.dumps(result, indent=2, allow_nan=False))
    else:
        click.echo(f"{model.name} is whole: its payload has the SHA-256 {payload_sha256}")
        click.echo("\n".join([*gate_lines(gate), *left_out_lines(images.left_out)]))
    if report is not None:
        _write_page(report / REPORT_FILE, context, gate, images)
        click.echo(f"Report: {report / REPORT_FILE}", err=as_json)
    if not gate.passed:
        raise click.exceptions.Exit(1)


def _write_page(path: Path, context: click.Context, gate: "ParityGate", images: "ImageFiles") -> None:
    from crbl_export.model_card.beside_model import report_path
    from crbl_export.model_card.facts import read_model_file
    from crbl_export.parity.report_page.page import parity_page
    from crbl_export.parity.report_page.page_data import ParityRun

    model, folder = context.params["model"], context.params["verify"]
    without_images = () if gate.images.made else ("IMAGES",)
    run = ParityRun(
        model=read_model_file(model),
        checkpoint=context.params["checkpoint_path"].name,
        left_out=tuple(left_out_lines(images.left_out)),
        commands={
            "again": given_command(context),
            "json": [*given_command(context, without=("report", "as_json")), "--json"],
            "verify": [
                "crbl-verify",
                str(model),
                str(report_path(model)),
                *((str(folder),) if folder else without_images),
            ],
        },
    )
    write_text(path, parity_page(run, gate))
