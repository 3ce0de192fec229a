"""What crbl-predict finds out about one image, as an object, as JSON types and as rows of a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crbl_runtime.csv_file import harmless, write_csv
from crbl_runtime.decision import combined_is_anomaly

if TYPE_CHECKING:
    from crbl_runtime.prediction import Prediction

DEPTH_UNCLEAR = "16 bits a sample, of which 10, 12 or 14 may be in use, see --bit-depth"


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
    def bit_depth_unclear(self) -> bool:
        """Whether the image has 16 bits a sample, and it is not known how many of them it uses."""
        return any(prediction.bit_depth_unclear for prediction in self.predictions)

    @property
    def notes(self) -> tuple[str, ...]:
        """What must be known about how the image was read, one clause each."""
        # Both models decode the same file, so that the notes of one are those of the other.
        notes = self.predictions[0].notes if self.predictions else ()
        return (*notes, DEPTH_UNCLEAR) if self.bit_depth_unclear else notes

    @property
    def is_anomaly(self) -> bool:
        """The decision of one model, or the combined decision of both."""
        decisions = [prediction.is_anomaly for prediction in self.predictions]
        return decisions[0] if len(decisions) == 1 else combined_is_anomaly(*decisions)

    def to_dict(self) -> dict[str, Any]:
        """As JSON types."""
        if self.error is not None:
            return {"path": str(self.path), "error": self.error}
        return {
            "path": str(self.path),
            "is_anomaly": self.is_anomaly,
            "models": [_prediction_to_dict(prediction) for prediction in self.predictions],
        }


def write_results(path: Path, results: Sequence[ImageResult]) -> None:
    """Write one line for each image as CSV: its path, its decision (1, 0 or nothing), the numbers, error and notes.

    Raises:
        OutputError: the file cannot be written.
    """
    variants = next(([p.variant for p in result.predictions] for result in results if not result.error), [])
    columns = [f"{name}_{variant}" for variant in variants for name in ("probability", "logit")]
    rows = []
    for result in results:
        values = [value for p in result.predictions for value in (f"{p.probability:.8f}", f"{p.logit:.6f}")]
        decision = "" if result.error else int(result.is_anomaly)
        remarks = (result.error or "", "; ".join(result.notes))
        rows.append([result.path, decision, *(values or [""] * len(columns)), *map(harmless, remarks)])
    write_csv(path, ["path", "is_anomaly", *columns, "error", "notes"], rows)


def _prediction_to_dict(prediction: "Prediction") -> dict[str, Any]:
    return {
        "variant": prediction.variant,
        "probability": prediction.probability,
        "logit": prediction.logit,
        "threshold": prediction.threshold,
        "is_anomaly": prediction.is_anomaly,
        "region_found": prediction.region_found,
        "box": list(prediction.box),
        "notes": list(prediction.notes),
        "bit_depth_unclear": prediction.bit_depth_unclear,
        "provider": prediction.provider,
        "fallback": prediction.fallback,
        "preparation": prediction.preparation,
        "heatmap": prediction.heatmap.tolist() if prediction.heatmap is not None else None,
    }
