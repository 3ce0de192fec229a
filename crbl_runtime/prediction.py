"""What is found out about one image."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crbl_runtime.compared_by_value import ComparedByValue


@dataclass(frozen=True, eq=False)
class Prediction(ComparedByValue):
    """What the model gives for one image. Two are equal where all values are, those of the heatmap included.

    Attributes:
        probability: of an anomaly as the network gives it, 0 to 1: a score, which the threshold is compared with.
        logit: its log odds, ln(p / (1 - p)).
        calibrated_probability: the probability of an anomaly, 0 to 1, among images like those that the model file was
            calibrated with, by its `Calibration`; None where it was not calibrated. No decision is made from it.
        is_anomaly: probability > threshold.
        label: the name of that decision.
        threshold: 0 to 1.
        threshold_given: whether the caller gave the threshold, in place of the model file's.
        variant: "crop" or "full".
        region_found: False where no object was found and the whole image was used.
        box: (x, y, width, height) in pixels: the part of the decoded image that the network saw.
        notes: what of the image's file has no part in its pixels, such as "its ICC profile was ignored".
        provider: where the model ran: "directml", "cuda" or "cpu" for example.
        fallback: why a better provider was not used, or None.
        device_removed: that the graphics device was removed or reset since the detector was made, and what was done
            then; or None.
        bit_depth_unclear: whether the image has 16 bits a sample, stays below 16384, and neither it nor the model nor
            the detector's `bit_depth` says how many bits it uses: of 10, 12 or 14 bits it was seen too dark.
        preparation: why this machine prepares images otherwise than the one where the model was exported, or None.
        heatmap: float32 [h, w] over the box, cells that sum to logit - bias; None where the model file has none.
    """

    probability: float
    logit: float
    calibrated_probability: float | None
    is_anomaly: bool
    label: str
    threshold: float
    threshold_given: bool
    variant: str
    region_found: bool
    box: tuple[int, int, int, int]
    notes: tuple[str, ...]
    bit_depth_unclear: bool
    provider: str
    fallback: str | None
    device_removed: str | None
    preparation: str | None
    heatmap: NDArray[np.float32] | None

    def _repr_html_(self) -> str:
        """A card, which notebooks show."""
        from crbl_runtime.prediction_html import prediction_html

        return prediction_html(self)


@dataclass(frozen=True)
class CombinedPrediction:
    """What a crop and a full model give for one image.

    Attributes:
        is_anomaly: whether either finds an anomaly.
        label: the name of that decision.
        crop: the prediction of the crop model.
        full: the prediction of the full model.
    """

    is_anomaly: bool
    label: str
    crop: Prediction
    full: Prediction

    def _repr_html_(self) -> str:
        """The decision and a card of each prediction, which notebooks show."""
        from crbl_runtime.prediction_html import combined_prediction_html

        return combined_prediction_html(self)
