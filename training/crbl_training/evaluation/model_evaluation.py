"""A model, measured on labelled images."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from crbl_runtime.errors import DataError
from crbl_training.data.dataset import LabelledImage, data_hash
from crbl_training.data.image_storage import ImageStorage
from crbl_training.data.leakage import refuse_two_labels
from crbl_training.data.prepared_dataset import PreparedDataset, prepare_dataset
from crbl_training.evaluation.calibration import CalibratedImages, calibrated_images, fit_calibration
from crbl_training.evaluation.consequences import get_assumptions
from crbl_training.evaluation.evaluated_model import EvaluatedModel
from crbl_training.evaluation.explained_images import ExplainedImages
from crbl_training.evaluation.report import EvaluationReport, report_on
from crbl_training.evaluation.threshold_in_use import ThresholdInUse, threshold_in_use
from crbl_training.evaluation.threshold_rule import ThresholdRule

KEEP = ThresholdRule("keep")


@dataclass(frozen=True)
class ModelEvaluation:
    """What a model can do on labelled images.

    Attributes:
        report: the metrics, the mistakes, and what else follows from the logits. threshold: what it decides by there.
        data_hash: which images they are, see `data_hash`. seconds: of wall time that the logits took.
        explained: what the model sees in the images, where that was asked for. It is a part of the seconds then.
    """

    report: EvaluationReport
    threshold: ThresholdInUse
    data_hash: str
    seconds: float
    explained: ExplainedImages | None


def evaluate_model(
    model: EvaluatedModel,
    images: Sequence[LabelledImage],
    *,
    threshold: float | ThresholdRule = KEEP,
    defect_rate: float | None = None,
    calibrate: str | None = None,
    skip_bad: bool = False,
    explain: bool = False,
    storage: ImageStorage | None = None,
) -> ModelEvaluation:
    """Predict the images and compare with their labels; see `open_model` for the model.

    Args:
        threshold: a probability, or the rule that chooses one on these images; the model's own if nothing is said.
        defect_rate: the share of anomalies among the images to come, over 0 and under 1; None for that of these.
        calibrate: a method of the runtime's `METHODS`, to fit a new calibration to these images; None for the model's.
        skip_bad: leave out images that cannot be decoded.
        storage: see `prepare_dataset`.
        explain: whether to tell regions and heatmaps, too, which of a checkpoint takes longer.

    Raises:
        DataError: images cannot be decoded, are in both classes, or are those of the training and a calibration is to
            be fitted to them.
        NotFiniteError: a logit is not finite.
    """
    prepared = prepare_dataset(images, model.preprocessing, "labelled", skip_bad=skip_bad, storage=storage)
    refuse_two_labels(prepared)
    started = time.perf_counter()
    explained = model.explain(prepared) if explain else None
    logits = explained.logits if explained is not None else model.logits(prepared)
    seconds = time.perf_counter() - started
    digest = data_hash(prepared.labelled_images)
    used = threshold_in_use(model, threshold, logits, prepared.labels, digest)
    calibrated = _calibrated(model, prepared, logits, calibrate, digest)
    costs = used.chosen.rule.costs if used.chosen is not None else None
    assumptions = get_assumptions(defect_rate, costs, model.training)
    report = report_on(prepared, logits, used.value, calibrated, assumptions)
    return ModelEvaluation(report, used, digest, seconds, explained)


def _calibrated(
    model: EvaluatedModel, images: PreparedDataset, logits: Tensor, method: str | None, digest: str
) -> CalibratedImages | None:
    """The images by a new calibration, or by that of the model, if it has one."""
    if method is None:
        return calibrated_images(model.calibration, logits) if model.calibration is not None else None
    if digest == model.training.get("train_data_hash"):
        raise DataError(
            "The model was trained on these very images and is surer of them than of others: a calibration on them is "
            "none. Name the validation images, or others that it has not seen."
        )
    return fit_calibration(method, logits, images.labels, digest)
