"""How long calls took, in figures that so many calls can carry."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# A percentile needs calls beyond it: one in twenty for the 95th, one in a hundred for the 99th.
CALLS_FOR_P95 = 20
CALLS_FOR_P99 = 100


@dataclass(frozen=True)
class Latency:
    """Milliseconds of a call; a percentile that too few calls were made for is None."""

    calls: int
    p50: float
    p95: float | None
    p99: float | None


def latency(milliseconds: Sequence[float]) -> Latency:
    """Percentiles of at least one call's time, by linear interpolation, rounded to microseconds."""

    def percentile(percent: int, calls: int) -> float | None:
        return round(float(np.percentile(milliseconds, percent)), 3) if len(milliseconds) >= calls else None

    median = round(float(np.median(milliseconds)), 3)
    return Latency(len(milliseconds), median, percentile(95, CALLS_FOR_P95), percentile(99, CALLS_FOR_P99))
