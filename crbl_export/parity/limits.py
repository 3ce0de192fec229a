"""How far a model file may differ from PyTorch."""

import math
from dataclasses import dataclass

from crbl_runtime.errors import UsageError

# float32 differs from float64 by rounding alone; the file may differ ten times as much, since other orders of summation
# are no errors, and 1e-4 always, which at any threshold moves a probability by at most 2.5e-5.
ROUNDING_FACTOR = 10.0
SMALLEST_LIMIT = 1e-4
# The largest |difference| of a self-test logit on a driver that computes correctly. Drivers round differently; what
# this is to catch is a driver that computes something else.
SELF_TEST_TOLERANCE = 1e-3


def rounding_limit(error_torch: float) -> float:
    """The |logit error| that is rounding where float32 PyTorch is off by `error_torch` from float64 PyTorch."""
    return max(ROUNDING_FACTOR * error_torch, SMALLEST_LIMIT)


@dataclass(frozen=True)
class Limits:
    """What a file may differ from float64 PyTorch.

    Attributes:
        tolerance: largest |difference| of a logit; None for the larger of ten times PyTorch's own rounding and 1e-4.
        max_flips: share of the images, 0 to under 1, whose decision may flip although its logit is farther than the
            allowed difference from the threshold.

    Raises:
        UsageError: `tolerance` or `max_flips` is out of range.
    """

    tolerance: float | None = None
    max_flips: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.max_flips < 1:
            raise UsageError(f"max_flips is {self.max_flips}, expected a share from 0 to less than 1.")
        if self.tolerance is not None and not 0 <= self.tolerance < math.inf:
            raise UsageError(f"The tolerance is {self.tolerance}, expected a number that is not negative.")

    def logit_error(self, error_torch: float) -> float:
        """The |logit error| that is allowed where float32 PyTorch is off by `error_torch`."""
        return self.tolerance if self.tolerance is not None else rounding_limit(error_torch)
