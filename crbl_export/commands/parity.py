"""crbl-parity: the gate alone, for a file that exists."""

import json
from pathlib import Path

import click

from crbl_export.parity import check_parity
from crbl_export.parity_table import parity_lines
from crbl_export.verification_pictures import parity_set
from crbl_runtime.session import EXECUTION_PROVIDERS
from crbl_training.checkpoint import load_checkpoint


@click.command(
    epilog="Example: crbl-parity crop.onnx --checkpoint CRBL_250328_pytorch_directml_crop.pth --verify pictures"
)
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--checkpoint", "checkpoint_path", type=click.Path(path_type=Path), required=True, help="Where it comes from."
)
@click.option(
    "--verify",
    type=click.Path(path_type=Path),
    help="Folder with real pictures. Default: the validation pictures of the training run.",
)
@click.option("--provider", type=click.Choice(["auto", *EXECUTION_PROVIDERS]), default="cpu", show_default=True)
@click.option("--tolerance", type=float, help="Allowed |logit error|. Default: ten times PyTorch's own, at least 1e-4.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def main(
    model: Path, checkpoint_path: Path, verify: Path | None, provider: str, tolerance: float | None, as_json: bool
) -> None:
    """Check that MODEL decides as its checkpoint does. Exit code 1 where it does not."""
    checkpoint = load_checkpoint(checkpoint_path)
    pictures = parity_set(checkpoint, checkpoint_path, verify)
    report = check_parity(model, checkpoint, pictures, provider=provider, tolerance=tolerance)
    click.echo(json.dumps(report.to_dict(), indent=2) if as_json else "\n".join(parity_lines(report)))
    if not report.passed:
        raise click.exceptions.Exit(1)


if __name__ == "__main__":
    main()
