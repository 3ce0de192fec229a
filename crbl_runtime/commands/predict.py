"""crbl-predict: images in, decisions out."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from crbl_runtime.atomic_file import require_writable
from crbl_runtime.command_line import WRITTEN_PATH, bit_depth_option, device_index_option
from crbl_runtime.commands.image_result import ImageResult, write_results
from crbl_runtime.commands.result_lines import path_width, result_line, summary_lines
from crbl_runtime.counted import counted
from crbl_runtime.errors import DataError, ImageError, UsageError
from crbl_runtime.image_folder import find_images
from crbl_runtime.left_out import LeftOut, left_out_lines
from crbl_runtime.options import EXECUTION_PROVIDERS

if TYPE_CHECKING:
    from crbl_runtime.detector import Detector

NAMED = 3


@click.command(
    epilog="Examples: crbl-predict crop.onnx images/   |   crbl-predict crop.onnx full.onnx grain.png --json"
)
@click.argument("arguments", metavar="MODEL... PATHS...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--provider", type=click.Choice(["auto", *EXECUTION_PROVIDERS]), default="auto", show_default=True)
@device_index_option
@bit_depth_option
@click.option("--csv", "csv_path", type=WRITTEN_PATH, help="Write the results to this CSV file.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
@click.option("--fail-on-anomaly", is_flag=True, help="Exit with 1 if any image is anomalous.")
def main(
    arguments: tuple[Path, ...],
    provider: str,
    device_index: int,
    bit_depth: int | None,
    csv_path: Path | None,
    as_json: bool,
    fail_on_anomaly: bool,
) -> None:
    """Predict images with one model file (.onnx), or with a crop and a full model together.

    PATHS are images or folders of images. With two models an image is anomalous when either of them finds an anomaly.
    """
    models = [path for path in arguments if _is_model(path)]
    sources = [path for path in arguments if not _is_model(path)]
    images, left_out = _find_images(sources)
    _require_models(models, sources)
    if csv_path is not None:
        _require_output(csv_path, [*models, *images])

    from crbl_runtime.detector import Detector
    from crbl_runtime.onnxruntime_boundary import print_errors_only

    print_errors_only()
    with ExitStack() as stack:
        detectors = [
            stack.enter_context(Detector(path, provider, device_index=device_index, bit_depth=bit_depth))
            for path in models
        ]
        _require_two_variants(detectors)
        results: list[ImageResult] = []
        try:
            for result in _predict_all(images, detectors, print_lines=not as_json):
                results.append(result)
        except KeyboardInterrupt as stop:
            kept = f"; they are in {csv_path}" if csv_path is not None and results else ""
            raise type(stop)(f"Stopped after {len(results)} of {counted(len(images), 'image')}{kept}.") from stop
        finally:
            # Whatever has stopped it: what was found out until then is not lost.
            _report(results, csv_path, as_json)
    for line in left_out_lines(left_out):
        click.echo(line, err=as_json)
    _exit_with(results, fail_on_anomaly)


def _is_model(path: Path) -> bool:
    return path.suffix.lower() == ".onnx"


def _find_images(sources: Sequence[Path]) -> tuple[list[Path], list[LeftOut]]:
    """The images that were named and those in folders, and what was left out of each folder.

    A missing one among others is reported with the results.
    """
    if not sources:
        raise UsageError("No images were named. Expected MODEL.onnx followed by images or folders.")
    if not any(source.exists() for source in sources):
        missing = ", ".join(map(str, sources))
        raise DataError(f"There is no {missing}. Name images or folders of images after MODEL.onnx.")
    images: list[Path] = []
    left_out: list[LeftOut] = []
    for source in sources:
        if source.is_dir():
            content = find_images(source)
            images += content.images
            left_out.append(content.left_out)
        else:
            images.append(source)
    return images, left_out


def _require_models(models: Sequence[Path], sources: Sequence[Path]) -> None:
    if not models:
        named = ", ".join(map(str, sources[:NAMED])) + (", …" if len(sources) > NAMED else "")
        raise UsageError(
            "0 model files (.onnx) were named, expected one, or a crop and a full one. Taken for images, or folders "
            f"of them: {named}."
        )
    if len(models) > 2:
        raise UsageError(f"{len(models)} model files (.onnx) were named, expected one, or a crop and a full one.")
    for path in models:
        if not path.is_file():
            raise UsageError(f"There is no model file {path}. Name a file that crbl-export wrote.")


def _require_output(csv_path: Path, inputs: Sequence[Path]) -> None:
    if csv_path.resolve() in {path.resolve() for path in inputs}:
        raise UsageError(f"--csv {csv_path} would replace a file that is to be read. Name another one.")
    require_writable(csv_path)


def _require_two_variants(detectors: "Sequence[Detector]") -> None:
    variants = [detector.contract.variant for detector in detectors]
    if len(variants) == 2 and set(variants) != {"crop", "full"}:
        raise UsageError(f"Both models are of the variant {variants[0]}, expected a crop and a full one.")


def _predict_all(
    images: Sequence[Path], detectors: "Sequence[Detector]", *, print_lines: bool
) -> Iterator[ImageResult]:
    """The images' results, each as soon as it is there; with `print_lines` it has been printed, too."""
    from tqdm import tqdm

    width = path_width(images)
    for path in tqdm(images, desc="Predicting", unit="", leave=False, disable=None):
        result = _predict(path, detectors)
        yield result
        if print_lines:
            with tqdm.external_write_mode():
                click.echo(result_line(result, width))


def _predict(path: Path, detectors: "Sequence[Detector]") -> ImageResult:
    try:
        return ImageResult(path, tuple(detector.predict(path) for detector in detectors))
    except ImageError as error:
        return ImageResult(path, (), str(error))


def _report(results: Sequence[ImageResult], csv_path: Path | None, as_json: bool) -> None:
    try:
        if as_json:
            click.echo(json.dumps([result.to_dict() for result in results], indent=2))
        else:
            click.echo("\n".join(summary_lines(results)))
    finally:  # The table does not depend on whether somebody reads what is printed.
        if csv_path is not None and results:
            write_results(csv_path, results)


def _exit_with(results: Sequence[ImageResult], fail_on_anomaly: bool) -> None:
    if any(result.error is not None for result in results):
        raise click.exceptions.Exit(4)
    if fail_on_anomaly and any(result.is_anomaly for result in results):
        raise click.exceptions.Exit(1)
