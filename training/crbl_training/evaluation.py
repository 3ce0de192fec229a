"""Scores on a set of pictures, and the figures that follow from them."""

from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn import metrics
from torch import Tensor

from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.even_batches import batches_of_size, even_size
from crbl_training.loss import binary_cross_entropy
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.network_input import network_input

EVALUATION_BATCH = 32


@dataclass(frozen=True)
class Metrics:
    """Figures of a classifier at a threshold; the positive class is the anomaly.

    Attributes:
        loss: mean cross-entropy, unweighted. auroc, average_precision: over all thresholds.
        true_normal ... missed_anomaly: the confusion matrix at the threshold.
    """

    pictures: int
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


@torch.no_grad()
def predict_logits(model: CRBLDualModel, images: Tensor, spec: PreprocessingSpec, device: torch.device) -> Tensor:
    """Logits of prepared pictures, uint8 [N, H, W, 3] -> float32 [N] on the CPU. The model is left in eval mode."""
    model.eval()
    batches = batches_of_size(images, even_size(len(images), EVALUATION_BATCH))
    return torch.cat([model(network_input(batch.to(device), spec)).cpu() for batch in batches])[: len(images)]


def compute_metrics(logits: Tensor, labels: Tensor, threshold: float) -> Metrics:
    """Figures from logits float [N] and labels float [N], both classes present; scikit-learn computes them."""
    truth = labels.numpy().astype(int)
    probability: NDArray[np.float64] = torch.sigmoid(logits.double()).numpy()
    decision = (probability > threshold).astype(int)
    (true_normal, false_alarm), (missed, true_anomaly) = metrics.confusion_matrix(truth, decision, labels=[0, 1])
    return Metrics(
        pictures=len(truth),
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
