"""crbl-verify: does a model file decide on this machine as PyTorch did where it was exported?"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from crbl_runtime.command_line import READ_FILE, READ_FOLDER, provider_or_all_option
from crbl_runtime.left_out import left_out_lines

if TYPE_CHECKING:
    from crbl_runtime.verification.compare import ProviderComparison
    from crbl_runtime.verification.verify import Verification

SHOWN = 3


@click.command(epilog="Example: crbl-verify crop.onnx crop.parity.json images/validation")
@click.argument("model", type=READ_FILE)
@click.argument("report", type=READ_FILE)
@click.argument("images", type=READ_FOLDER, required=False)
@provider_or_all_option
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def main(model: Path, report: Path, images: Path | None, provider: str, as_json: bool) -> None:
    """Check that MODEL decides on this machine as PyTorch did where it was exported. Needs no PyTorch.

    REPORT is what crbl-export left beside the model. IMAGES is the folder with the images that the report is about; it
    is not needed where they are made by formula. Exit code 1 where a decision differs outside the margin, 4 where some
    of the images are missing.
    """
    from crbl_runtime.onnxruntime_boundary import print_errors_only
    from crbl_runtime.verification.record import read_record
    from crbl_runtime.verification.verify import verify

    print_errors_only()
    verification = verify(model, read_record(report), images, provider)
    if as_json:
        click.echo(json.dumps(verification.to_dict(), indent=2, allow_nan=False))
    else:
        click.echo("\n".join([*_image_lines(verification), *_provider_lines(verification), *_verdict(verification)]))
    if not verification.passed:
        raise click.exceptions.Exit(1)
    if verification.missing or verification.unreadable:
        raise click.exceptions.Exit(4)


def _image_lines(verification: "Verification") -> list[str]:
    here = verification.recorded - len(verification.missing) - len(verification.unreadable)
    lines = [f"{here} of the report's {verification.recorded} images are here"]
    for what, names in (
        ("not here with the same content", verification.missing),
        ("cannot be decoded here", verification.unreadable),
        ("decoded to other pixels", verification.decoded_otherwise),
        ("prepared to other pixels", verification.prepared_otherwise),
    ):
        shown = f" ({', '.join(names[:SHOWN])}{', …' if len(names) > SHOWN else ''})" if names else ""
        lines.append(f"  {what:32} {len(names)}{shown}")
    return lines + left_out_lines(verification.left_out)


def _provider_lines(verification: "Verification") -> list[str]:
    from crbl_runtime.verification.images_here import STAGES

    lines = [
        f"Largest |logit difference| from float64 PyTorch (the export allowed {verification.limit:.2e}), by where the "
        "difference begins",
        f"  {'provider':10}{''.join(f'{stage:>12}' for stage in STAGES)}{'flips':>8}{'within margin':>15}",
    ]
    for comparison in verification.providers:
        largest = "".join(f"{_number(comparison.largest_by_stage[stage]):>12}" for stage in STAGES)
        lines.append(
            f"  {comparison.provider:10}{largest}{comparison.flips:8}{comparison.flips_within_margin:15}"
            f"{_remark(comparison)}"
        )
    lines += [f"  {kind:10}wrong: {reason}" for kind, reason in verification.wrong.items()]
    return [*lines, *(f"  {kind:10}not checked: {reason}" for kind, reason in verification.not_checked.items())]


def _number(difference: float | None) -> str:
    return "-" if difference is None else f"{difference:.2e}"


def _remark(comparison: "ProviderComparison") -> str:
    return f"  {comparison.not_finite} logits are NaN or infinite" if comparison.not_finite else ""


def _verdict(verification: "Verification") -> list[str]:
    lines = []
    largest = max((comparison.largest for comparison in verification.providers), default=0.0)
    if largest > verification.limit:
        lines.append(
            f"A logit is off by {largest:.2e}, more than the {verification.limit:.2e} that was allowed at the export."
        )
    if not verification.passed:
        return [*lines, f"FAILED: the file does not decide here as PyTorch did (margin {verification.margin:.2e})."]
    skipped = len(verification.missing) + len(verification.unreadable)
    but = f", but {skipped} of its images could not be compared" if skipped else ""
    return [*lines, f"PASSED: the file decides here as PyTorch did where it was exported{but}."]
