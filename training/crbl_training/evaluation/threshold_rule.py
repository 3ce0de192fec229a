"""The rule by which a threshold is chosen, as users write it."""

import math
import re
from dataclasses import dataclass

from crbl_runtime.errors import UsageError

# On fewer than a million images costs further apart choose what the dearer mistake alone would.
LARGEST_COST_RATIO = 1e6
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?"
_EXPECTED = "keep, f1, recall=R with R over 0 and at most 1, or cost=FN:FP"


@dataclass(frozen=True)
class Costs:
    """What mistakes cost, in any unit.

    Attributes:
        missed_anomaly: of an anomaly that is called normal. false_alarm: of a normal image that is called anomalous.
    """

    missed_anomaly: float
    false_alarm: float

    def __str__(self) -> str:
        """What the rule is written with: 10:1."""
        return f"{self.missed_anomaly:.12g}:{self.false_alarm:.12g}"


@dataclass(frozen=True)
class ThresholdRule:
    """How a threshold is chosen.

    Attributes:
        kind: "keep" (not at all), "f1" (the best F1), "recall" (at least `recall`), or "cost" (the lowest expected
            cost, see `Costs`, at the defect rate).
        defect_rate: the share of anomalies among the images to come, over 0 and under 1; of "cost" alone, and None
            for the share among the images that the threshold is chosen on.
    """

    kind: str
    recall: float = math.nan
    costs: Costs | None = None
    defect_rate: float | None = None

    def __str__(self) -> str:
        """What `parse_threshold_rule` reads."""
        match self.kind:
            case "recall":
                return f"recall={self.recall}"
            case "cost":
                return f"cost={self.costs}"
        return self.kind


def parse_threshold_rule(text: str, defect_rate: float | None = None) -> ThresholdRule:
    """The rule that "keep", "f1", "recall=0.99" or "cost=10:1" asks for.

    Args:
        defect_rate: of "cost", see `ThresholdRule`.

    Raises:
        UsageError: it is none of these, the recall is not over 0 and at most 1, or the costs are no positive numbers,
            or are further apart than `LARGEST_COST_RATIO`.
    """
    if text in ("keep", "f1"):
        return ThresholdRule(text)
    if text.startswith("cost="):
        return ThresholdRule("cost", costs=_parse_costs(text), defect_rate=defect_rate)
    match = re.fullmatch(r"recall=(\d*\.?\d+)", text)
    if match is None or not 0 < float(match[1]) <= 1:
        raise UsageError(f"The threshold rule is {text!r}, expected {_EXPECTED}.")
    return ThresholdRule("recall", float(match[1]))


def _parse_costs(text: str) -> Costs:
    match = re.fullmatch(rf"cost=({_NUMBER}):({_NUMBER})", text, re.IGNORECASE)
    if match is None:
        raise UsageError(
            f"The threshold rule is {text!r}, expected the costs of a missed anomaly and of a false alarm as two "
            "numbers, as in cost=10:1."
        )
    costs = Costs(float(match[1]), float(match[2]))
    for cost, mistake in ((costs.missed_anomaly, "a missed anomaly"), (costs.false_alarm, "a false alarm")):
        if not 0 < cost < math.inf:
            raise UsageError(
                f"The threshold rule is {text!r}: the cost of {mistake} is {cost:g}, expected a positive number. Where "
                "it is 0, one decision for all images is the cheapest, and no threshold is needed."
            )
    ratio = math.log(costs.missed_anomaly) - math.log(costs.false_alarm)
    if abs(ratio) > math.log(LARGEST_COST_RATIO):
        raise UsageError(
            f"The threshold rule is {text!r}, and the two costs are further apart than 1 to {LARGEST_COST_RATIO:,.0f}: "
            "the cheaper mistake has no weight then. Give costs nearer to each other; recall=1 is for anomalies that "
            "must not be missed at any price."
        )
    return costs
