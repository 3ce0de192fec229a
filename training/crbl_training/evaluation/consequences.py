"""What a threshold, and others that a person may choose in its place, mean for the images to come."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from torch import Tensor

from crbl_runtime.errors import UsageError
from crbl_training.evaluation.bootstrap import Floats, Integers
from crbl_training.evaluation.metrics import probabilities
from crbl_training.evaluation.threshold import best_threshold
from crbl_training.evaluation.threshold_rule import Costs, ThresholdRule, parse_threshold_rule

PER_IMAGES = 1000
THIS_THRESHOLD = "this threshold"
_OTHERS = (
    ThresholdRule("recall", 0.9),
    ThresholdRule("recall", 0.95),
    ThresholdRule("recall", 0.99),
    ThresholdRule("f1"),
)


@dataclass(frozen=True)
class Assumptions:
    """What the consequences are reckoned with.

    Attributes:
        defect_rate: the share of anomalies among the images to come; None for that among the images at hand.
        origin: where the rate comes from, as text. costs: what mistakes cost, where somebody said it.
    """

    defect_rate: float | None = None
    origin: str = "as among these images; --defect-rate sets another"
    costs: Costs | None = None


NO_ASSUMPTIONS = Assumptions()


def get_assumptions(defect_rate: float | None, costs: Costs | None, training: dict[str, Any]) -> Assumptions:
    """What a user says, and where he says nothing of costs, what the model's own threshold was chosen by.

    Args:
        defect_rate, costs: as given. training: the model's provenance.
    """
    recorded = costs_in(training) if costs is None else None
    if defect_rate is not None:
        return Assumptions(defect_rate, "--defect-rate", costs if costs is not None else recorded)
    if recorded is not None:
        rate = training["threshold_choice"].get("defect_rate")
        if isinstance(rate, float) and 0 < rate < 1:
            return Assumptions(rate, "for which the model's threshold was chosen; --defect-rate sets another", recorded)
    return Assumptions(costs=costs if costs is not None else recorded)


def costs_in(training: dict[str, Any]) -> Costs | None:
    """What mistakes cost by a model's provenance; None where its threshold was not chosen by costs."""
    choice = training.get("threshold_choice")
    rule = choice.get("rule") if isinstance(choice, dict) else None
    try:
        return parse_threshold_rule(rule).costs if isinstance(rule, str) else None
    except UsageError:
        return None  # A rule of another version: the table goes without costs, which nobody has asked for.


@dataclass(frozen=True)
class Consequence:
    """What one threshold means for 1,000 images.

    Attributes:
        chosen_by: `THIS_THRESHOLD`, or the rule that chose the threshold on the very images it is measured on.
        threshold: of the probability. recall: the share of the anomalies that is found.
        false_alarm_rate: the share of the normal images that is called anomalous.
        missed_anomalies, false_alarms: so many of 1,000 images. cost: of both; None where nobody said what they cost.
    """

    chosen_by: str
    threshold: float
    recall: float
    false_alarm_rate: float
    missed_anomalies: float
    false_alarms: float
    cost: float | None


@dataclass(frozen=True)
class Consequences:
    """Those of the threshold in use, first, and of others.

    Attributes:
        defect_rate: the share of anomalies that is reckoned with. origin, costs: see `Assumptions`.
    """

    defect_rate: float
    origin: str
    costs: Costs | None
    thresholds: tuple[Consequence, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON types."""
        return asdict(self) | {"per_images": PER_IMAGES}


def consequences_of(logits: Tensor, labels: Tensor, threshold: float, assumptions: Assumptions) -> Consequences:
    """The consequences of a threshold, of some recalls, of the best F1 and, with costs, of the lowest cost.

    Args:
        logits, labels: float [N] each, finite, both classes present. threshold: of the probability.
    """
    truth = labels.numpy().astype(np.int64)
    scores: Floats = logits.double().numpy()
    costs = assumptions.costs
    rate = assumptions.defect_rate if assumptions.defect_rate is not None else float(truth.mean())
    rules = [*_OTHERS, *([ThresholdRule("cost", costs=costs, defect_rate=rate)] if costs is not None else [])]
    named = [(THIS_THRESHOLD, threshold), *((str(rule), best_threshold(rule, scores, truth)) for rule in rules)]
    probability = probabilities(logits)
    return Consequences(
        rate,
        assumptions.origin,
        costs,
        tuple(_consequence(name, value, probability, truth, rate, costs) for name, value in named),
    )


def consequence_lines(consequences: Consequences) -> list[str]:
    """A table for people, and what it says about a threshold that decides all images alike."""
    rate, costs = consequences.defect_rate, consequences.costs
    cost = "" if costs is None else f" {f'cost at {costs}':>14}"
    return [
        f"  Of {PER_IMAGES:,} images with a defect rate of {rate:.4g} ({consequences.origin}):",
        f"  {'':18} {'threshold':>10} {'missed anomalies':>17} {'false alarms':>13}{cost}",
        *(_line(consequence) for consequence in consequences.thresholds),
        "  The thresholds by rules are chosen on these very images: expect a little less of others.",
        *_one_decision(consequences.thresholds[0]),
    ]


def _consequence(
    name: str, threshold: float, probability: Floats, truth: Integers, rate: float, costs: Costs | None
) -> Consequence:
    decision = probability > threshold
    recall, false_alarm_rate = float(decision[truth == 1].mean()), float(decision[truth == 0].mean())
    missed, false_alarms = PER_IMAGES * rate * (1 - recall), PER_IMAGES * (1 - rate) * false_alarm_rate
    cost = None if costs is None else missed * costs.missed_anomaly + false_alarms * costs.false_alarm
    return Consequence(name, threshold, recall, false_alarm_rate, missed, false_alarms, cost)


def _line(consequence: Consequence) -> str:
    cost = "" if consequence.cost is None else f" {consequence.cost:14,.1f}"
    return (
        f"  {consequence.chosen_by:18} {consequence.threshold:10.4g} {consequence.missed_anomalies:17.1f} "
        f"{consequence.false_alarms:13.1f}{cost}"
    )


def _one_decision(threshold: Consequence) -> list[str]:
    """What the figures alone would hide: that the threshold tells no image from another."""
    for share, decision in ((0, "normal"), (1, "anomalous")):
        if threshold.recall == threshold.false_alarm_rate == share:
            return [f"  Note: the threshold {threshold.threshold:.4g} calls every one of these images {decision}."]
    return []
