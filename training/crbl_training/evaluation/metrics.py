"""Logits of a set of images, and the metrics that follow from them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn import metrics
from torch import Tensor

from crbl_runtime.errors import NotFiniteError
from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.data.mapped_images import Images
from crbl_training.evaluation.bootstrap import Interval, bootstrap_method, metric_intervals
from crbl_training.evaluation.kinds import KindRecall, kinds_to_dict, recall_by_kind
from crbl_training.evaluation.network_outputs import network_outputs
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.model.folded_copy import folded_copy
from crbl_training.model.loss import binary_cross_entropy


@dataclass(frozen=True)
class Metrics:
    """Metrics of a classifier at a threshold; the positive class is the anomaly.

    Attributes:
        loss: mean cross-entropy, unweighted. auroc, average_precision: over all thresholds.
        true_normal ... missed_anomaly: the confusion matrix at the threshold.
    """

    images: int
    threshold: float
    loss: float
    auroc: float
    average_precision: float
    accuracy: float
    precision: float
    recall: float
    f1: float
    true_normal: int
    false_alarm: int
    missed_anomaly: int
    true_anomaly: int

    def to_dict(self) -> dict[str, float | int]:
        """As JSON types."""
        return asdict(self)


@dataclass(frozen=True)
class Evaluation:
    """Metrics, and bootstrap intervals of those that have a meaning for other images, by the metric's name.

    Attributes:
        kinds: the recall of each kind of anomaly; none where no kind is known.
    """

    metrics: Metrics
    intervals: dict[str, Interval]
    kinds: tuple[KindRecall, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON types: the metrics, their intervals, the recall of each kind if any, and how these were computed."""
        intervals = {name: [interval.low, interval.high] for name, interval in self.intervals.items()}
        values = self.metrics.to_dict() | {"intervals": intervals, "interval_method": bootstrap_method()}
        return values | kinds_to_dict(self.kinds)

    def _repr_html_(self) -> str:
        """Tables, which notebooks show."""
        from crbl_training.evaluation.evaluation_html import evaluation_html

        return evaluation_html(self)


def predict_logits(model: CRBLDualModel, images: Images, spec: PreprocessingSpec, device: torch.device) -> Tensor:
    """Logits of prepared images, uint8 [N, H, W, 3] -> float32 [N] on the CPU. The model is left in eval mode.

    A folded copy of the model computes them: to the bit they are not those of the model.
    """
    network = folded_copy(model.eval())
    (logits,) = network_outputs(lambda x: (network(x),), images, spec, device)
    return logits


def require_finite_logits(logits: Tensor) -> None:
    """Raise NotFiniteError if a logit is NaN or infinite: there are no metrics then."""
    if not bool(logits.isfinite().all()):
        raise NotFiniteError(
            "The network gave NaN or infinite logits, so there are no metrics. "
            "Try --device cpu. If that works, the graphics driver computes wrongly."
        )


def evaluate(logits: Tensor, labels: Tensor, threshold: float, kinds: Sequence[str] = ()) -> Evaluation:
    """Metrics with intervals, from the arguments of `compute_metrics` and the images' kinds, if any; takes seconds."""
    truth = labels.numpy().astype(np.int64)
    decisions = anomaly_decisions(logits, threshold)
    return Evaluation(
        compute_metrics(logits, labels, threshold),
        metric_intervals(truth, logits.double().numpy(), decisions),
        recall_by_kind(kinds, truth, decisions),
    )


def probabilities(logits: Tensor) -> NDArray[np.float64]:
    """The probability of an anomaly for each logit, float64 [N]."""
    return torch.sigmoid(logits.double()).numpy()


def anomaly_decisions(logits: Tensor, threshold: float) -> NDArray[np.int64]:
    """1 where the probability is greater than the threshold, else 0: [N]."""
    return (probabilities(logits) > threshold).astype(np.int64)


def compute_metrics(logits: Tensor, labels: Tensor, threshold: float) -> Metrics:
    """Metrics from logits float [N] and labels float [N], both classes present; scikit-learn computes them."""
    truth = labels.numpy().astype(int)
    decision = anomaly_decisions(logits, threshold)
    (true_normal, false_alarm), (missed, true_anomaly) = metrics.confusion_matrix(truth, decision, labels=[0, 1])
    return Metrics(
        images=len(truth),
        threshold=threshold,
        loss=float(binary_cross_entropy(logits.double(), labels.double()).mean()),
        auroc=float(metrics.roc_auc_score(truth, logits.numpy())),
        average_precision=float(metrics.average_precision_score(truth, logits.numpy())),
        accuracy=float(metrics.accuracy_score(truth, decision)),
        precision=float(metrics.precision_score(truth, decision, zero_division=0)),
        recall=float(metrics.recall_score(truth, decision)),
        f1=float(metrics.f1_score(truth, decision)),
        true_normal=int(true_normal),
        false_alarm=int(false_alarm),
        missed_anomaly=int(missed),
        true_anomaly=int(true_anomaly),
    )
