"""The threshold that a model is measured at: its own, a given one, or one that a rule chooses on the images."""

from dataclasses import dataclass

from torch import Tensor

from crbl_training.evaluation.evaluated_model import EvaluatedModel
from crbl_training.evaluation.threshold import ChosenThreshold, choose_threshold
from crbl_training.evaluation.threshold_rule import ThresholdRule


@dataclass(frozen=True)
class ThresholdInUse:
    """A threshold of the probability.

    Attributes:
        source: where it comes from, as text.
        chosen: how a rule chose it on the measured images; None where none did.
    """

    value: float
    source: str
    chosen: ChosenThreshold | None = None


def threshold_in_use(
    model: EvaluatedModel, asked: float | ThresholdRule, logits: Tensor, labels: Tensor, data_hash: str
) -> ThresholdInUse:
    """What is asked for: a number, or a rule, of which "keep" is the model's own threshold.

    Args:
        logits, labels: of the images, float [N] each. data_hash: which images they are.

    Raises:
        DataError: a rule needs both classes, and the images are of one. NotFiniteError: a logit is not finite.
    """
    if not isinstance(asked, ThresholdRule):
        return ThresholdInUse(asked, "given with --threshold")
    if asked.kind == "keep":
        return ThresholdInUse(model.threshold, model.threshold_source)
    chosen = choose_threshold(asked, logits, labels, data_hash, "labelled")
    return ThresholdInUse(chosen.value, chosen.source("labelled"), chosen)
