"""How far a model file may differ from PyTorch, and what each precision may cost."""

import math
from dataclasses import dataclass, replace

from crbl_runtime.errors import ModelFileError, UsageError

# float32 differs from float64 by rounding alone; the file may differ ten times as much, since other orders of summation
# are no errors, and 1e-4 always, which at any threshold moves a probability by at most 2.5e-5.
ROUNDING_FACTOR = 10.0
SMALLEST_LIMIT = 1e-4


def rounding_limit(error_torch: float) -> float:
    """The |logit error| that is rounding where float32 PyTorch is off by `error_torch` from float64 PyTorch."""
    return max(ROUNDING_FACTOR * error_torch, SMALLEST_LIMIT)


@dataclass(frozen=True)
class Limits:
    """What a file may differ from float64 PyTorch.

    Attributes:
        tolerance: largest |difference| of a logit; None for the larger of ten times PyTorch's own rounding and 1e-4.
        margin: how far from the threshold a logit may lie for its flipped decision not to count; None for `tolerance`.
        max_flips: share of the images, 0 to under 1, whose decision may flip outside the margin.
        self_test_tolerance: largest |difference| of a self-test logit on a driver that computes correctly; of fp16
            the upper bound of what `half_self_test_tolerance` measures.

    Raises:
        UsageError: `tolerance` or `max_flips` is out of range.
    """

    tolerance: float | None = None
    margin: float | None = None
    max_flips: float = 0.0
    # Drivers round differently; what the 1e-3 is to catch is a driver that computes something else.
    self_test_tolerance: float = 1e-3

    def __post_init__(self) -> None:
        if not 0 <= self.max_flips < 1:
            raise UsageError(f"max_flips is {self.max_flips}, expected a share from 0 to less than 1.")
        if self.tolerance is not None and not 0 <= self.tolerance < math.inf:
            raise UsageError(f"The tolerance is {self.tolerance}, expected a number that is not negative.")

    def logit_error(self, error_torch: float) -> float:
        """The |logit error| that is allowed where float32 PyTorch is off by `error_torch`."""
        return self.tolerance if self.tolerance is not None else rounding_limit(error_torch)

    def with_options(self, tolerance: float | None, max_flips: float | None) -> "Limits":
        """The same limits but for what a user sets; None leaves a limit as it is."""
        return replace(
            self,
            tolerance=self.tolerance if tolerance is None else tolerance,
            max_flips=self.max_flips if max_flips is None else max_flips,
        )


LIMITS = {
    "fp32": Limits(),
    # The largest |difference| seen was 0.011 with weights of genuine Keras and 0.087 with a model of two epochs, on
    # images unlike those it learned from.
    "fp16": Limits(tolerance=0.1, self_test_tolerance=0.1),
}


def limits_of(precision: str) -> Limits:
    """The limits of a precision that a contract names.

    Raises:
        ModelFileError: the precision is neither fp32 nor fp16.
    """
    if precision not in LIMITS:
        raise ModelFileError(
            f"The file's contract has the precision {precision!r}, expected {', '.join(LIMITS)}. "
            "Export the model again."
        )
    return LIMITS[precision]
