"""What a model file gives for images, from their bytes to the decision."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from crbl_export.parity.image_set import ImageSet
from crbl_runtime.detector import Detector
from crbl_runtime.execution_provider import Provider
from crbl_runtime.preprocessing import prepare
from crbl_runtime.verification.compare import predict_or_nan


@dataclass(frozen=True)
class FilePredictions:
    """A model file's logits, probabilities and decisions on N images.

    Attributes:
        logits, probabilities: float64 [N]; NaN where the network does not give a number. is_anomaly: bool [N].
        threshold: of the file. provider: what it ran on.
    """

    logits: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    is_anomaly: NDArray[np.bool_]
    threshold: float
    provider: Provider = field(default=Provider("cpu"))


def predict_images(detector: Detector, images: ImageSet) -> FilePredictions:
    """Predict each image by itself, as a program that embeds the runtime does."""
    name = f"Model file, {detector.provider.kind}"
    progress = tqdm(images.contents, desc=name, unit="", leave=False, disable=None)
    predicted = [predict_or_nan(detector, prepare(content, detector.contract.preprocessing)) for content in progress]
    return FilePredictions(
        logits=np.array([each.logit for each in predicted], np.float64),
        probabilities=np.array([each.probability for each in predicted], np.float64),
        is_anomaly=np.array([each.is_anomaly for each in predicted], np.bool_),
        threshold=detector.contract.threshold,
        provider=detector.provider,
    )
