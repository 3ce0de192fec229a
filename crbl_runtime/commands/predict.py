"""crbl-predict: images in, decisions out."""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from crbl_runtime.command_line import WRITTEN_PATH, device_index_option
from crbl_runtime.counted import counted
from crbl_runtime.csv_file import write_csv
from crbl_runtime.decision import combined_is_anomaly
from crbl_runtime.errors import DataError, ImageError, UsageError
from crbl_runtime.image_folder import find_images
from crbl_runtime.left_out import LeftOut, left_out_lines
from crbl_runtime.options import EXECUTION_PROVIDERS

if TYPE_CHECKING:
    from crbl_runtime.detector import Detector, Prediction


@dataclass(frozen=True)
class ImageResult:
    """One image and the prediction of each model for it, or why it could not be predicted.

    Attributes:
        predictions: one a model, in the order in which the models were named; none where there is an error.
    """

    path: Path
    predictions: "tuple[Prediction, ...]"
    error: str | None = None

    @property
    def is_anomaly(self) -> bool:
        """The decision of one model, or the combined decision of both."""
        decisions = [prediction.is_anomaly for prediction in self.predictions]
        return decisions[0] if len(decisions) == 1 else combined_is_anomaly(*decisions)


@click.command(
    epilog="Examples: crbl-predict crop.onnx images/   |   crbl-predict crop.onnx full.onnx grain.png --json"
)
@click.argument("arguments", metavar="MODEL... PATHS...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--provider", type=click.Choice(["auto", *EXECUTION_PROVIDERS]), default="auto", show_default=True)
@device_index_option
@click.option("--csv", "csv_path", type=WRITTEN_PATH, help="Write the results to this CSV file.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
@click.option("--fail-on-anomaly", is_flag=True, help="Exit with 1 if any image is anomalous.")
def main(
    arguments: tuple[Path, ...],
    provider: str,
    device_index: int,
    csv_path: Path | None,
    as_json: bool,
    fail_on_anomaly: bool,
) -> None:
    """Predict images with one model file (.onnx), or with a crop and a full model together.

    PATHS are images or folders of images. With two models an image is anomalous when either of them finds an anomaly.
    """
    models = [path for path in arguments if path.suffix == ".onnx"]
    images, left_out = _find_images([path for path in arguments if path.suffix != ".onnx"])
    _require_models(models)

    from tqdm import tqdm

    from crbl_runtime.detector import Detector

    with ExitStack() as stack:
        detectors = [stack.enter_context(Detector(path, provider, device_index=device_index)) for path in models]
        _require_two_variants(detectors)
        progress = tqdm(images, desc="Predicting", unit="", leave=False, disable=None)
        results = [_predict(path, detectors) for path in progress]
    if csv_path is not None:
        _write_csv(csv_path, results)
    if as_json:
        click.echo(json.dumps([_to_dict(result) for result in results], indent=2))
    else:
        click.echo("\n".join(_table(results)))
    for line in left_out_lines(left_out):
        click.echo(line, err=as_json)
    _exit_with(results, fail_on_anomaly)


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


def _require_models(models: Sequence[Path]) -> None:
    if len(models) not in (1, 2):
        raise UsageError(f"{len(models)} model files (.onnx) were named, expected one, or a crop and a full one.")
    for path in models:
        if not path.is_file():
            raise UsageError(f"There is no model file {path}. Name a file that crbl-export wrote.")


def _require_two_variants(detectors: "Sequence[Detector]") -> None:
    variants = [detector.contract.variant for detector in detectors]
    if len(variants) == 2 and set(variants) != {"crop", "full"}:
        raise UsageError(f"Both models are of the variant {variants[0]}, expected a crop and a full one.")


def _predict(path: Path, detectors: "Sequence[Detector]") -> ImageResult:
    try:
        return ImageResult(path, tuple(detector.predict(path) for detector in detectors))
    except ImageError as error:
        return ImageResult(path, (), str(error))


def _to_dict(result: ImageResult) -> dict[str, Any]:
    if result.error is not None:
        return {"path": str(result.path), "error": result.error}
    return {
        "path": str(result.path),
        "is_anomaly": result.is_anomaly,
        "models": [
            {
                "variant": prediction.variant,
                "probability": prediction.probability,
                "logit": prediction.logit,
                "threshold": prediction.threshold,
                "is_anomaly": prediction.is_anomaly,
                "region_found": prediction.region_found,
                "box": list(prediction.box),
                "notes": list(prediction.notes),
                "provider": prediction.provider,
                "fallback": prediction.fallback,
                "preparation": prediction.preparation,
                "heatmap": prediction.heatmap.tolist() if prediction.heatmap is not None else None,
            }
            for prediction in result.predictions
        ],
    }


def _write_csv(path: Path, results: Sequence[ImageResult]) -> None:
    variants = next(([p.variant for p in result.predictions] for result in results if not result.error), [])
    columns = [f"{name}_{variant}" for variant in variants for name in ("probability", "logit")]
    rows = []
    for result in results:
        values = [value for p in result.predictions for value in (f"{p.probability:.8f}", f"{p.logit:.6f}")]
        decision = "" if result.error else int(result.is_anomaly)
        rows.append([result.path, decision, *(values or [""] * len(columns)), result.error or ""])
    write_csv(path, ["path", "is_anomaly", *columns, "error"], rows)


def _table(results: Sequence[ImageResult]) -> list[str]:
    width = max(len(str(result.path)) for result in results)
    return [*(_line(result, width) for result in results), *_summary(results)]


def _line(result: ImageResult, width: int) -> str:
    if result.error is not None:
        return f"{result.path!s:{width}}  ERROR    {result.error}"
    decision = "ANOMALY" if result.is_anomaly else "normal "
    scores = "  ".join(
        f"p_{p.variant} {p.probability:.4f} ({'>' if p.is_anomaly else '<='} {p.threshold:g})"
        + ("" if p.region_found else " no object found, whole image used")
        for p in result.predictions
    )
    # Both models decode the same file, so that the notes of one are those of the other.
    notes = "; ".join(result.predictions[0].notes)
    return f"{result.path!s:{width}}  {decision}  {scores}" + (f"  ({notes})" if notes else "")


def _summary(results: Sequence[ImageResult]) -> list[str]:
    predicted = [result for result in results if result.error is None]
    anomalous = sum(result.is_anomaly for result in predicted)
    failed = len(results) - len(predicted)
    summary = f"{counted(len(predicted), 'image')} predicted, {anomalous} anomalous" + (
        f", {failed} failed" if failed else ""
    )
    if not predicted:
        return [summary]
    first = predicted[0].predictions[0]
    lines = [f"{summary} (on {first.provider})"]
    if first.fallback:
        lines.append(f"Fallback: {first.fallback}")
    # One machine prepares all images, those of a second model too.
    return [*lines, f"Warning: {first.preparation}"] if first.preparation else lines


def _exit_with(results: Sequence[ImageResult], fail_on_anomaly: bool) -> None:
    if any(result.error is not None for result in results):
        raise click.exceptions.Exit(4)
    if fail_on_anomaly and any(result.is_anomaly for result in results):
        raise click.exceptions.Exit(1)
