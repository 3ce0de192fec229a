"""crbl-export: from a checkpoint to a proven model file."""

import json
from pathlib import Path

import click

from crbl_export.find_checkpoint import newest_checkpoint
from crbl_export.options import DEFAULT_OPSET, PRECISIONS, ExportOptions
from crbl_export.parity.limits import Limits
from crbl_runtime.atomic_file import require_writable
from crbl_runtime.command_line import READ_FILE, READ_FOLDER, WRITTEN_PATH
from crbl_runtime.left_out import left_out_as_json, left_out_lines
from crbl_runtime.options import OPSETS
from crbl_runtime.variant import VARIANTS


@click.command(epilog="Example: crbl-export --variant crop --verify images/validation -o crop.onnx")
@click.option("--variant", type=click.Choice(list(VARIANTS)), required=True, help="crop or full.")
@click.option(
    "--checkpoint",
    "checkpoint_path",
    type=READ_FILE,
    help="A .pth or .safetensors of crbl-train or crbl-convert. Default: the newest of the variant below runs.",
)
@click.option("-o", "--output", type=WRITTEN_PATH, help="Default: the checkpoint's name with .onnx.")
@click.option(
    "--verify",
    type=READ_FOLDER,
    help="Folder with real images for the parity gate. Default: the validation images of the training run.",
)
@click.option("--allow-made-images", is_flag=True, help="Without real images, compare on images made by formula.")
@click.option("--heatmap", is_flag=True, help="Add an output that says where in the image the logit comes from.")
@click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default="fp32",
    show_default=True,
    help="fp16: weights stored in half precision, half the size; all is computed in float32.",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0, min_open=True),
    help="Allowed |logit error|. Default: ten times PyTorch's own, at least 1e-4.",
)
@click.option(
    "--max-flips",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.0,
    show_default=True,
    help="Allowed share of images whose decision flips.",
)
@click.option("--opset", type=click.IntRange(OPSETS.start, OPSETS.stop - 1), default=DEFAULT_OPSET, show_default=True)
@click.option(
    "--require-directml/--no-require-directml",
    default=True,
    show_default=True,
    help="Refuse a graph with a node that DirectML has no kernel for.",
)
@click.option("--force", is_flag=True, help="Replace an existing output file, its card and its report.")
@click.option("--json", "as_json", is_flag=True, help="Print the parity report as JSON.")
def main(
    variant: str,
    checkpoint_path: Path | None,
    output: Path | None,
    verify: Path | None,
    allow_made_images: bool,
    heatmap: bool,
    precision: str,
    tolerance: float | None,
    max_flips: float,
    opset: int,
    require_directml: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Export a checkpoint to ONNX; the file gets its name only if it decides as PyTorch does."""
    if checkpoint_path is None:
        checkpoint_path = newest_checkpoint(variant, Path())
        click.echo(f"Newest checkpoint of {variant}: {checkpoint_path}", err=as_json)

    from crbl_export.export import export_checkpoint
    from crbl_export.model_card.beside_model import card_path, report_path, require_free
    from crbl_export.parity.image_set import choose_images
    from crbl_export.parity.text import gate_lines
    from crbl_runtime.onnxruntime_boundary import print_errors_only
    from crbl_training.checkpoint import load_checkpoint

    print_errors_only()
    target = output if output is not None else checkpoint_path.with_suffix(".onnx")
    require_free(target, force=force)
    require_writable(target, card_path(target), report_path(target))
    checkpoint = load_checkpoint(checkpoint_path, variant)
    images = choose_images(checkpoint_path, verify, allow_made_images=allow_made_images)
    options = ExportOptions(opset, heatmap, precision, Limits(tolerance, max_flips), require_directml)
    gate = export_checkpoint(checkpoint, images, target, options)
    if as_json:
        first, *others = (report.to_dict() for report in gate.reports)
        written = {"model": str(target), "card": str(card_path(target)), "report": str(report_path(target))}
        rounding = gate.rounding.summary() if gate.rounding is not None else {}
        result = {**written, **first, **rounding, "other_providers": others, "not_checked": gate.not_checked}
        result["left_out"] = left_out_as_json(images.left_out)
        click.echo(json.dumps(result, indent=2))
        return
    click.echo("\n".join([*gate_lines(gate), *left_out_lines(images.left_out)]))
    click.echo(f"Model file: {target} ({target.stat().st_size / 1e6:.1f} MB, opset {opset}, {precision})")
    click.echo(f"Model card: {card_path(target)}")
    click.echo(f"Parity report, for crbl-verify on other machines: {report_path(target)}")
    click.echo(f"Next: crbl-predict {target} IMAGE...")
