"""crbl-convert: a trained Keras model as a checkpoint, proven, without TensorFlow."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from crbl_runtime.atomic_file import require_writable
from crbl_runtime.command_line import READ_FILE, READ_FILE_OR_FOLDER, WRITTEN_PATH, bit_depth_option
from crbl_runtime.counted import counted
from crbl_runtime.errors import ParityError, UsageError
from crbl_runtime.options import CHANNEL_ORDERS, REGIONS
from crbl_runtime.variant import VARIANTS, get_variant
from crbl_training.file_names import CHECKPOINT_SUFFIXES, checkpoint_files
from crbl_training.options import KERAS_TOLERANCE

if TYPE_CHECKING:
    from crbl_training.checkpoint import Checkpoint
    from crbl_training.keras.recorded_outputs import Comparison

EPILOG = """\b
Examples:
  crbl-convert model.h5 --inspect
  crbl-convert crop.h5 --variant crop -o CRBL_crop.pth
  crbl-convert crop.h5 --variant crop --check recorded.npz -o CRBL_crop.pth

\b
recorded.npz holds images (uint8 [N, H, W, 3], RGB, as large as the network
saw them) and logits (float [N]) of the Keras model.
A model with Rescaling or Normalization layers of its own is taken to have been
fed 0 to 255, any other one x / 255; --divisor, --mean and --std overrule.
"""


@click.command(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("source", type=READ_FILE)
@click.option("--variant", type=click.Choice(list(VARIANTS)), help="Needed only where the file does not tell it.")
@click.option("-o", "--output", type=WRITTEN_PATH, help=".pth or .safetensors; both are written, side by side.")
@click.option("--inspect", is_flag=True, help="Print what the file is, and convert nothing.")
@click.option(
    "--check",
    type=READ_FILE_OR_FOLDER,
    help=f"npz or folder of npz: recorded logits of Keras, within {KERAS_TOLERANCE:g}.",
)
@click.option("--swap-backbones", is_flag=True, help="Take the file's second backbone for the first.")
@click.option("--channel-order", type=click.Choice(CHANNEL_ORDERS), default="rgb", show_default=True)
@click.option("--imagenet-normalization", is_flag=True, help="The model was fed (x / 255 - mean) / std of ImageNet.")
@click.option("--divisor", type=float, help="The model was fed x / this (before mean and std).")
@click.option("--mean", type=(float, float, float), help="Subtracted after the division; three numbers.")
@click.option("--std", type=(float, float, float), help="Divided by after the mean; three numbers.")
@click.option("--region", type=click.Choice(REGIONS), help="Part of the image; default: the variant's.")
@click.option("--image-size", type=int, help="Side in pixels; default: the file's, or 128.")
@bit_depth_option
@click.option("--threshold", type=float, help="Anomaly above this probability; default: the variant's.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(
    source: Path,
    variant: str | None,
    output: Path | None,
    inspect: bool,
    check: Path | None,
    as_json: bool,
    **choices: Any,
) -> None:
    """Convert a Keras model (.h5, .weights.h5, .keras) into a checkpoint, bit for bit, or write nothing."""
    if inspect:
        if output or check:
            raise UsageError("--inspect converts nothing, so it goes without --output and --check.")
        _inspect(source, as_json)
        return
    if output is None and check is None:
        raise UsageError(
            "No output was named: give -o OUT.pth. Or compare only, with --check, or look only, with --inspect."
        )
    if output is not None and output.suffix.lower() not in CHECKPOINT_SUFFIXES:
        raise UsageError(f"The output is {output}, expected a name that ends in .pth or .safetensors.")
    if output is not None:
        require_writable(*checkpoint_files(output))

    from crbl_training.checkpoint import save_checkpoint
    from crbl_training.keras.convert import Choices, convert

    chosen = Choices(variant=get_variant(variant) if variant else None, **choices)
    checkpoint = convert(source, chosen)
    comparison = _compare(checkpoint, check) if check else None
    if comparison:
        checkpoint.provenance["compared_with_keras"] = asdict(comparison)
    differs = comparison is not None and not comparison.passed
    written: tuple[Path, ...] = ()
    try:
        if output and not differs:
            written = save_checkpoint(checkpoint, output)
    finally:  # What was compared is shown where it cannot be written, too.
        _report(checkpoint, comparison, written, as_json)
    if comparison and differs:
        suspicion = (
            "All recorded values lie from 0 to 1, as probabilities do: make sure that they are logits, the values "
            "before the sigmoid. "
            if comparison.recorded_in_0_to_1
            else ""
        )
        raise ParityError(
            f"The converted model differs from Keras by {comparison.largest:.2g}, more than {KERAS_TOLERANCE:g}; "
            f"nothing was written. {suspicion}Try --channel-order, --imagenet-normalization, --divisor, --std or "
            "--swap-backbones."
        )


def _inspect(source: Path, as_json: bool) -> None:
    from crbl_training.keras.description import as_text, describe
    from crbl_training.keras.keras_model import open_keras_model

    with open_keras_model(source) as model:
        description = describe(model)
    click.echo(json.dumps(description, indent=2) if as_json else as_text(description))


def _compare(checkpoint: "Checkpoint", recorded: Path) -> "Comparison":
    from tqdm import tqdm

    from crbl_training.keras.recorded_outputs import compare_with_keras

    with tqdm(unit="image", disable=None) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        return compare_with_keras(checkpoint, recorded, progress)


def _report(
    checkpoint: "Checkpoint", comparison: "Comparison | None", written: tuple[Path, ...], as_json: bool
) -> None:
    report = {
        "variant": checkpoint.variant.name,
        "threshold": checkpoint.threshold,
        "preprocessing": checkpoint.preprocessing.to_dict(),
        "state_hash": checkpoint.hash,
        "provenance": checkpoint.provenance,
        "comparison": asdict(comparison) | {"passed": comparison.passed} if comparison else None,
        "written": [str(path) for path in written],
    }
    if as_json:
        click.echo(json.dumps(report, indent=2))
        return
    origin = checkpoint.provenance["converted_from"]
    click.echo(f"Read {origin['file']}: {origin['form']}, Keras {origin['keras_version'] or 'of unknown version'}.")
    click.echo(
        f"Backbone 1 is {origin['backbone1']}, backbone 2 is {origin['backbone2']}; variant {checkpoint.variant.name}."
    )
    spec = checkpoint.preprocessing
    click.echo(
        f"The network sees {spec.channel_order.upper()}, {spec.image_size} px, "
        f"(x / {spec.divisor:g} - {list(spec.mean)}) / {list(spec.std)}."
    )
    if origin["input_assumed"]:
        click.echo(f"Assumed: {origin['input_assumed']}.")
    if comparison:
        click.echo(
            f"Compared with Keras: {counted(comparison.images, 'image')}, largest |Δlogit| {comparison.largest:.2g}, "
            f"{counted(comparison.flipped, 'decision')} flipped."
        )
    for path in written:
        click.echo(f"Wrote {path}.")
