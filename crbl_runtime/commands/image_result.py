"""What crbl-predict finds out about one image, as an object, as JSON types and as a row of a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crbl_runtime.csv_file import harmless
from crbl_runtime.decision import combined_is_anomaly
from crbl_runtime.errors import CRBLError, ImageError

if TYPE_CHECKING:
    from crbl_runtime.prediction import Prediction

DEPTH_UNCLEAR = "16 bits a sample, of which 10, 12 or 14 may be in use, see --bit-depth"
NUMBERS = ("probability", "logit", "threshold", "calibrated_probability")


@dataclass(frozen=True)
class ImageResult:
    """One image and the prediction of each model for it, or why it could not be predicted.

    Attributes:
        predictions: one a model, in the order in which the models were named; none where there is an error.
        error: the reason, which names the image. exit_code: what the command ends with for it.
    """

    path: Path
    predictions: "tuple[Prediction, ...]"
    error: str | None = None
    exit_code: int = 0

    @classmethod
    def failed(cls, path: Path, error: CRBLError) -> "ImageResult":
        """The result for an image that could not be predicted."""
        # What the network gave says nothing of the image.
        text = str(error) if isinstance(error, ImageError) else f"{path}: {error}"
        return cls(path, (), text, error.exit_code)

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
        """The decision of one model, or the combined decision of both; False where there is an error."""
        decisions = [prediction.is_anomaly for prediction in self.predictions]
        return combined_is_anomaly(*decisions) if len(decisions) == 2 else any(decisions)

    def to_dict(self) -> dict[str, Any]:
        """As JSON types."""
        if self.error is not None:
            return {"path": str(self.path), "error": self.error}
        return {
            "path": str(self.path),
            "is_anomaly": self.is_anomaly,
            "models": [_prediction_to_dict(prediction) for prediction in self.predictions],
        }

    def to_row(self, models: int) -> list[object]:
        """A row below `table_header`: path, decision (1, 0 or nothing), the numbers of each model, error and notes."""
        numbers = [text for prediction in self.predictions for text in _numbers(prediction)]
        decision = "" if self.error else int(self.is_anomaly)
        remarks = (self.error or "", "; ".join(self.notes))
        return [self.path, decision, *(numbers or [""] * len(NUMBERS) * models), *map(harmless, remarks)]


def table_header(variants: Sequence[str]) -> list[str]:
    """The columns of a table of results of models of these variants."""
    numbers = [f"{name}_{variant}" for variant in variants for name in NUMBERS]
    return ["path", "is_anomaly", *numbers, "error", "notes"]


def _numbers(prediction: "Prediction") -> tuple[str, ...]:
    calibrated = prediction.calibrated_probability
    return (
        f"{prediction.probability:.8f}",
        f"{prediction.logit:.6f}",
        f"{prediction.threshold:g}",
        "" if calibrated is None else f"{calibrated:.8f}",
    )


def _prediction_to_dict(prediction: "Prediction") -> dict[str, Any]:
    return {
        "variant": prediction.variant,
        "probability": prediction.probability,
        "logit": prediction.logit,
        "calibrated_probability": prediction.calibrated_probability,
        "threshold": prediction.threshold,
        "threshold_given": prediction.threshold_given,
        "is_anomaly": prediction.is_anomaly,
        "region_found": prediction.region_found,
        "box": list(prediction.box),
        "notes": list(prediction.notes),
        "bit_depth_unclear": prediction.bit_depth_unclear,
        "provider": prediction.provider,
        "fallback": prediction.fallback,
        "device_removed": prediction.device_removed,
        "preparation": prediction.preparation,
        "heatmap": prediction.heatmap.tolist() if prediction.heatmap is not None else None,
    }
