"""The threshold that a model is measured at: its own, a given one, or one that a rule chooses on the images."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from crbl_runtime.errors import UsageError
from crbl_training.data.dataset import data_hash
from crbl_training.data.prepared_dataset import PreparedDataset
from crbl_training.evaluation.evaluated_model import EvaluatedModel
from crbl_training.evaluation.threshold import ChosenThreshold, choose_threshold
from crbl_training.evaluation.threshold_rule import Costs, ThresholdRule, parse_threshold_rule


@dataclass(frozen=True)
class ThresholdInUse:
    """A threshold of the probability.

    Attributes:
        source: where it comes from, as text. costs: what mistakes cost, as far as somebody said it.
        chosen: how a rule chose it on the measured images; None where none did.
    """

    value: float
    source: str
    costs: Costs | None
    chosen: ChosenThreshold | None = None


def threshold_in_use(
    model: EvaluatedModel, asked: float | ThresholdRule, logits: Tensor, images: PreparedDataset
) -> ThresholdInUse:
    """What is asked for: a number, or a rule, of which "keep" is the model's own threshold.

    Args:
        logits: of the images, float [N].

    Raises:
        DataError: a rule needs both classes, and the images are of one. NotFiniteError: a logit is not finite.
    """
    if not isinstance(asked, ThresholdRule):
        return ThresholdInUse(asked, "given with --threshold", costs_in(model.training))
    if asked.kind == "keep":
        return ThresholdInUse(model.threshold, model.threshold_source, costs_in(model.training))
    chosen = choose_threshold(asked, logits, images.labels, data_hash(images.labelled_images), "labelled")
    costs = asked.costs if asked.costs is not None else costs_in(model.training)
    return ThresholdInUse(chosen.value, chosen.source("labelled"), costs, chosen)


def costs_in(training: dict[str, Any]) -> Costs | None:
    """What mistakes cost by a model's provenance; None where its threshold was not chosen by costs."""
    choice = training.get("threshold_choice")
    rule = choice.get("rule") if isinstance(choice, dict) else None
    try:
        return parse_threshold_rule(rule).costs if isinstance(rule, str) else None
    except UsageError:
        return None  # A rule of another version: the table goes without costs, which nobody has asked for.
