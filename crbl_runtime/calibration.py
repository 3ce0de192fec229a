"""From the score of a model to a probability: two numbers that were fitted to labelled images."""

import math
from dataclasses import asdict, dataclass
from typing import Any

METHODS = ("temperature", "platt")


@dataclass(frozen=True)
class Calibration:
    """How a logit becomes the probability that an image like those of the fit shows an anomaly.

    The slope is positive, so that images keep their order. Decisions are made from the logit as it is, never from this.

    Attributes:
        method: "temperature" (one number, Guo et al., ICML 2017: the intercept is 0 and the slope 1 / temperature) or
            "platt" (two numbers, Platt 1999).
        slope: the calibrated log odds are slope x logit + intercept; finite and over 0.
        intercept: see `slope`; finite.
        images: on how many labelled images it was fitted.
        anomalies: how many of them show an anomaly; at least one of either class. Where another share of images shows
            anomalies, the probability is off by that.
        data_hash: which images, see `data_hash` of the trainer.

    Raises:
        ValueError: a value is not as told here.
    """

    method: str
    slope: float
    intercept: float
    images: int
    anomalies: int
    data_hash: str

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"the calibration's method is {self.method!r:.40}, expected {' or '.join(METHODS)}")
        if not 0 < self.slope < math.inf:
            raise ValueError(f"the calibration's slope is {self.slope!r:.40}, expected a positive number")
        if not math.isfinite(self.intercept) or (self.method == "temperature" and self.intercept):
            raise ValueError(
                f"the calibration's intercept is {self.intercept!r:.40}, expected a number, and 0 for a temperature"
            )
        if not 0 < self.anomalies < self.images:
            raise ValueError(
                f"the calibration is of {self.images!r:.40} images with {self.anomalies!r:.40} anomalies, expected "
                "images of both classes"
            )

    def log_odds(self, logit: float) -> float:
        """The calibrated log odds of an anomaly for a model's finite logit; infinite beyond the range of a float."""
        return self.slope * logit + self.intercept

    def probability(self, logit: float) -> float:
        """The calibrated probability of an anomaly, 0 to 1, for a model's finite logit."""
        log_odds = self.log_odds(logit)
        # math.exp raises OverflowError for large arguments, so it is only given those up to 0.
        odds_against = math.exp(-abs(log_odds))
        return 1 / (1 + odds_against) if log_odds >= 0 else odds_against / (1 + odds_against)


_TYPES: dict[str, type | tuple[type, ...]] = {
    "method": str,
    "slope": (int, float),
    "intercept": (int, float),
    "images": int,
    "anomalies": int,
    "data_hash": str,
}


def calibration_to_json(calibration: Calibration | None) -> dict[str, Any] | None:
    """As JSON types; None where there is no calibration."""
    return None if calibration is None else asdict(calibration)


def calibration_from_json(values: object) -> Calibration | None:
    """What `calibration_to_json` was given.

    Raises:
        ValueError, OverflowError: a key is missing or unknown, or a value is of another type or out of its range.
    """
    if values is None:
        return None
    if not isinstance(values, dict) or values.keys() != _TYPES.keys():
        raise ValueError(f"the calibration is {values!r:.80}, expected {', '.join(_TYPES)}")
    for name, kinds in _TYPES.items():
        # True and False are integers in Python, and none in JSON.
        if not isinstance(values[name], kinds) or isinstance(values[name], bool):
            raise ValueError(f"the calibration's {name} is {values[name]!r:.40}")
    return Calibration(**values | {name: float(values[name]) for name in ("slope", "intercept")})
