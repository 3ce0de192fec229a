"""The calibration of a finished checkpoint: fitted, kept from the one it began with, or none, and why."""

from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from crbl_runtime.calibration import Calibration
from crbl_runtime.errors import DataError
from crbl_training.checkpoint import Checkpoint
from crbl_training.evaluation.calibration import CalibratedImages, calibrated_images, fit_calibration

NOTE = "calibration_note"


@dataclass(frozen=True)
class CalibratedCheckpoint:
    """A checkpoint with its calibration, if it has one.

    Attributes:
        checkpoint: where a calibration was asked for, or was there before, and is none, its provenance has why, as
            `calibration_note`.
        images: the validation images by it, None where there is none.
        refusal: why it could not be fitted.
    """

    checkpoint: Checkpoint
    images: CalibratedImages | None
    refusal: DataError | None = None

    @property
    def note(self) -> str | None:
        """Why there is no calibration although one was expected."""
        return self.checkpoint.provenance.get(NOTE)


def fitted_or_refused(
    checkpoint: Checkpoint, method: str, logits: Tensor, labels: Tensor, data_hash: str
) -> CalibratedCheckpoint:
    """Fit a calibration; where that fails the training is not lost, and the checkpoint comes back without one."""
    try:
        images = fit_calibration(method, logits, labels, data_hash)
    except DataError as refusal:
        return CalibratedCheckpoint(_without(checkpoint, str(refusal)), None, refusal)
    return CalibratedCheckpoint(replace(checkpoint, calibration=images.calibration), images)


def kept_or_dropped(checkpoint: Checkpoint, start: Checkpoint | None, logits: Tensor) -> CalibratedCheckpoint:
    """The calibration of the checkpoint that training began with, as long as neither weights nor images changed."""
    if start is None or start.calibration is None:
        return CalibratedCheckpoint(checkpoint, None)
    if checkpoint.hash == start.hash and checkpoint.preprocessing == start.preprocessing:
        kept = replace(checkpoint, calibration=start.calibration)
        return CalibratedCheckpoint(kept, calibrated_images(start.calibration, logits))
    changed = "the weights have" if checkpoint.hash != start.hash else "the preprocessing has"
    note = (
        f"That of checkpoint {start.hash[:12]} was dropped, because {changed} changed. Fit another one with "
        "--calibrate."
    )
    return CalibratedCheckpoint(_without(checkpoint, note), None)


def with_calibration(checkpoint: Checkpoint, calibration: Calibration, reliability: dict[str, Any]) -> Checkpoint:
    """A finished checkpoint with a calibration that was fitted later; its weights and its threshold stay.

    Args:
        reliability: what the calibration is worth, see `reliability_to_dict`.
    """
    kept = {key: value for key, value in checkpoint.provenance.items() if key != NOTE}
    return replace(checkpoint, calibration=calibration, provenance=kept | {"reliability": reliability})


def _without(checkpoint: Checkpoint, note: str) -> Checkpoint:
    return replace(checkpoint, calibration=None, provenance=checkpoint.provenance | {NOTE: note})
