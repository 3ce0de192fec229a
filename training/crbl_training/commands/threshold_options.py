"""The options about a threshold and what it costs, which crbl-train and crbl-evaluate have in common."""

import click

from crbl_runtime.errors import UsageError
from crbl_training.evaluation.threshold_rule import ThresholdRule, parse_threshold_rule


def _require_share(_context: click.Context, _option: click.Parameter, given: float | None) -> float | None:
    # Not so for NaN either.
    if given is not None and not 0 < given < 1:
        raise UsageError(
            f"--defect-rate is {given:g}, expected the share of anomalies, over 0 and under 1: 0.02 for two in a "
            "hundred images."
        )
    return given


defect_rate_option = click.option(
    "--defect-rate",
    type=float,
    callback=_require_share,
    help="The share of anomalies among the images to come, for the threshold's consequences and for cost=FN:FP. "
    "Default: their share among the images at hand.",
)


def threshold_or_rule(text: str | None, defect_rate: float | None) -> float | ThresholdRule:
    """What crbl-evaluate is to decide by: a number, or the rule that chooses one; None keeps the model's.

    Raises:
        UsageError: it is neither, or a number that is no probability.
    """
    try:
        number = float(text) if text is not None else None
    except ValueError:
        number = None
    if number is None:
        return parse_threshold_rule(text if text is not None else "keep", defect_rate)
    if not 0 <= number <= 1:
        raise UsageError(
            f"--threshold is {text}, expected a probability from 0 to 1, or keep, f1, recall=R or cost=FN:FP."
        )
    return number
