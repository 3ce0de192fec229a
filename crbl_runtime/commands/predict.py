"""crbl-predict: pictures in, decisions out."""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from crbl_runtime.csv_file import write_csv
from crbl_runtime.decision import combined_is_anomaly
from crbl_runtime.detector import Detector, Prediction
from crbl_runtime.errors import PictureError, UsageError
from crbl_runtime.picture_folder import find_pictures
from crbl_runtime.session import EXECUTION_PROVIDERS


@dataclass(frozen=True)
class Judgement:
    """One picture and what each model says of it, or why it could not be judged."""

    path: Path
    predictions: tuple[Prediction, ...]
    error: str | None = None

    @property
    def is_anomaly(self) -> bool:
        """The decision of one model, or the combined decision of both."""
        decisions = [prediction.is_anomaly for prediction in self.predictions]
        return decisions[0] if len(decisions) == 1 else combined_is_anomaly(*decisions)


@click.command(
    epilog="Examples: crbl-predict crop.onnx pictures/   |   crbl-predict crop.onnx full.onnx grain.png --json"
)
@click.argument("arguments", metavar="MODEL... PATHS...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--provider", type=click.Choice(["auto", *EXECUTION_PROVIDERS]), default="auto", show_default=True)
@click.option("--device-id", type=int, default=0, show_default=True, help="Which adapter, where there are several.")
@click.option("--csv", "csv_path", type=click.Path(path_type=Path), help="Write the results to this CSV file.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
@click.option("--fail-on-anomaly", is_flag=True, help="Exit with 1 if any picture is anomalous.")
def main(
    arguments: tuple[Path, ...],
    provider: str,
    device_id: int,
    csv_path: Path | None,
    as_json: bool,
    fail_on_anomaly: bool,
) -> None:
    """Judge pictures with one model file (.onnx), or with a crop and a full model together.

    PATHS are pictures or folders of pictures. With two models a picture is anomalous when either says so.
    """
    models = [path for path in arguments if path.suffix == ".onnx"]
    sources = [path for path in arguments if path.suffix != ".onnx"]
    pictures = _find_pictures(sources)
    with ExitStack() as stack:
        detectors = [stack.enter_context(Detector(path, provider, device_id=device_id)) for path in models]
        _require_models(detectors)
        progress = tqdm(pictures, desc="Judging", unit="", leave=False, disable=None)
        judgements = [_judge(path, detectors) for path in progress]
    if csv_path is not None:
        _write_csv(csv_path, judgements)
    if as_json:
        click.echo(json.dumps([_to_dict(judgement) for judgement in judgements], indent=2))
    else:
        click.echo("\n".join(_table(judgements)))
    _exit_with(judgements, fail_on_anomaly)


def _find_pictures(sources: Sequence[Path]) -> list[Path]:
    if not sources:
        raise UsageError("No pictures were named. Expected MODEL.onnx followed by pictures or folders.")
    return [path for source in sources for path in (find_pictures(source) if source.is_dir() else [source])]


def _require_models(detectors: Sequence[Detector]) -> None:
    variants = [detector.contract.variant for detector in detectors]
    if len(variants) not in (1, 2):
        raise UsageError(f"{len(variants)} model files (.onnx) were named, expected one, or a crop and a full one.")
    if len(variants) == 2 and set(variants) != {"crop", "full"}:
        raise UsageError(f"Both models are of the variant {variants[0]}, expected a crop and a full one.")


def _judge(path: Path, detectors: Sequence[Detector]) -> Judgement:
    try:
        return Judgement(path, tuple(detector.predict(path) for detector in detectors))
    except PictureError as error:
        return Judgement(path, (), str(error))


def _to_dict(judgement: Judgement) -> dict[str, Any]:
    if judgement.error is not None:
        return {"path": str(judgement.path), "error": judgement.error}
    return {
        "path": str(judgement.path),
        "is_anomaly": judgement.is_anomaly,
        "models": [
            {
                "variant": prediction.variant,
                "probability": prediction.probability,
                "logit": prediction.logit,
                "threshold": prediction.threshold,
                "is_anomaly": prediction.is_anomaly,
                "region_found": prediction.region_found,
                "box": list(prediction.box),
                "provider": prediction.provider,
                "fallback": prediction.fallback,
                "heatmap": prediction.heatmap.tolist() if prediction.heatmap is not None else None,
            }
            for prediction in judgement.predictions
        ],
    }


def _write_csv(path: Path, judgements: Sequence[Judgement]) -> None:
    variants = next(([p.variant for p in judgement.predictions] for judgement in judgements if not judgement.error), [])
    columns = [f"{figure}_{variant}" for variant in variants for figure in ("probability", "logit")]
    rows = []
    for judgement in judgements:
        figures = [value for p in judgement.predictions for value in (f"{p.probability:.8f}", f"{p.logit:.6f}")]
        decision = "" if judgement.error else int(judgement.is_anomaly)
        rows.append([judgement.path, decision, *(figures or [""] * len(columns)), judgement.error or ""])
    write_csv(path, ["path", "is_anomaly", *columns, "error"], rows)


def _table(judgements: Sequence[Judgement]) -> list[str]:
    width = max(len(str(judgement.path)) for judgement in judgements)
    lines = []
    for judgement in judgements:
        if judgement.error is not None:
            lines.append(f"{judgement.path!s:{width}}  ERROR    {judgement.error}")
            continue
        figures = "  ".join(
            f"p_{p.variant} {p.probability:.4f} ({'>' if p.is_anomaly else '<='} {p.threshold:g})"
            + ("" if p.region_found else " no object found, whole picture judged")
            for p in judgement.predictions
        )
        lines.append(f"{judgement.path!s:{width}}  {'ANOMALY' if judgement.is_anomaly else 'normal '}  {figures}")
    judged = [judgement for judgement in judgements if judgement.error is None]
    anomalous = sum(judgement.is_anomaly for judgement in judged)
    failed = len(judgements) - len(judged)
    summary = f"{len(judged)} pictures judged, {anomalous} anomalous" + (f", {failed} failed" if failed else "")
    if judged:
        summary += f" (on {judged[0].predictions[0].provider})"
        fallback = judged[0].predictions[0].fallback
        summary += f"\nFallback: {fallback}" if fallback else ""
    return [*lines, summary]


def _exit_with(judgements: Sequence[Judgement], fail_on_anomaly: bool) -> None:
    if any(judgement.error is not None for judgement in judgements):
        raise click.exceptions.Exit(4)
    if fail_on_anomaly and any(judgement.is_anomaly for judgement in judgements):
        raise click.exceptions.Exit(1)
