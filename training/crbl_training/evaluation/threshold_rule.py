"""The rule by which a threshold is chosen, as users write it."""

import math
import re
from dataclasses import dataclass

from crbl_runtime.errors import UsageError


@dataclass(frozen=True)
class ThresholdRule:
    """How a threshold is chosen: "keep" (not at all), "f1" (the best F1), or "recall" (at least `recall`)."""

    kind: str
    recall: float = math.nan

    def __str__(self) -> str:
        """What `parse_threshold_rule` reads."""
        return f"recall={self.recall}" if self.kind == "recall" else self.kind


def parse_threshold_rule(text: str) -> ThresholdRule:
    """The rule that "keep", "f1" or "recall=0.99" asks for.

    Raises:
        UsageError: it is none of these, or the recall is not over 0 and at most 1.
    """
    if text in ("keep", "f1"):
        return ThresholdRule(text)
    match = re.fullmatch(r"recall=(\d*\.?\d+)", text)
    if match is None or not 0 < float(match[1]) <= 1:
        raise UsageError(f"The threshold rule is {text!r}, expected keep, f1 or recall=R with R over 0 and at most 1.")
    return ThresholdRule("recall", float(match[1]))
