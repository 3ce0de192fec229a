"""crbl-demo: the whole line on made-up grains, in a few minutes, without a network."""

import shutil
from pathlib import Path

import click

from crbl_runtime.atomic_file import require_writable
from crbl_runtime.command_line import WRITTEN_PATH
from crbl_runtime.errors import UsageError
from crbl_training.commands.data_and_device import device_option

MARKER = "made-by-crbl-demo"


@click.command(epilog="Example: crbl-demo --out demo")
@click.option("--out", type=WRITTEN_PATH, default=Path("demo"), show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--weights",
    type=click.Choice(["none", "pretrained"]),
    default="none",
    show_default=True,
    help="Random initial weights, or ImageNet's and Noisy Student's, which are downloaded.",
)
@device_option
def main(out: Path, seed: int, weights: str, device: str) -> None:
    """Make images, train both variants, export, verify and predict; ends with a table and a contact sheet."""
    _make_folder(out)

    from crbl_export.demo.run import run_demo

    run_demo(out, seed, weights, device)


def _make_folder(out: Path) -> None:
    """A fresh folder; an older demo there is replaced, anything else is left alone."""
    require_writable(out / MARKER)
    if out.exists():
        if any(out.iterdir()) and not (out / MARKER).is_file():
            raise UsageError(f"{out} is not empty and was not made by crbl-demo. Name another folder with --out.")
        shutil.rmtree(out)
    out.mkdir(parents=True)
    (out / MARKER).touch()
