"""Thresholds in place of those of the model files: 0.3, or crop=0.3 where there are two models."""

from collections.abc import Mapping, Sequence

from crbl_runtime.errors import UsageError
from crbl_runtime.variant import VARIANTS

# Of the one model, whatever its variant is.
THE_ONE_MODEL = ""


def parse_thresholds(texts: Sequence[str], models: int) -> dict[str, float]:
    """The thresholds by variant, or by THE_ONE_MODEL.

    Args:
        texts: what was given, such as "0.3" or "crop=0.3". models: how many model files were named, 1 or 2.

    Raises:
        UsageError: one is no number from 0 to 1, names no variant, or is given twice, or it is not said for which of
            two models it is.
    """
    thresholds: dict[str, float] = {}
    for text in texts:
        name, equals, number = text.rpartition("=")
        if equals and name not in VARIANTS:
            raise UsageError(f"--threshold {text} names the model {name!r}, expected {' or '.join(VARIANTS)}.")
        if not equals and models == 2:
            raise UsageError(
                f"--threshold {text} is for one model, and two were named. Say which one it is for: --threshold "
                f"crop={text}, --threshold full={text}, or both."
            )
        if thresholds and (name in thresholds or models == 1):
            raise UsageError(f"--threshold {text} is given after another one for the same model. Give one.")
        thresholds[name] = _number(number, text)
    return thresholds


def threshold_for(variant: str, given: Mapping[str, float]) -> float | None:
    """The threshold given for a model that was named alone, or None where its file's own holds.

    Raises:
        UsageError: it was given for the other variant.
    """
    for name, threshold in given.items():
        if name not in (THE_ONE_MODEL, variant):
            raise UsageError(
                f"--threshold {name}={threshold:g} is for a {name} model, and a {variant} model was named."
            )
        return threshold
    return None


def _number(number: str, text: str) -> float:
    try:
        value = float(number)
    except ValueError:
        value = -1.0
    # Not so for NaN either.
    if not 0 <= value <= 1:
        raise UsageError(f"--threshold {text} is no probability. Expected a number from 0 to 1, as 0.3 or crop=0.3.")
    return value
