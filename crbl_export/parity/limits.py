"""What each precision may cost."""

from dataclasses import dataclass

from crbl_runtime.errors import ModelFileError


@dataclass(frozen=True)
class Limits:
    """What a file may differ from float64 PyTorch.

    Attributes:
        tolerance: largest |difference| of a logit; None for the larger of ten times PyTorch's own rounding and 1e-4.
        margin: how far from the threshold a logit may lie for its flipped decision not to count; None for `tolerance`.
        max_flips: share of the images, 0 to under 1, whose decision may flip outside the margin.
        self_test_tolerance: largest |difference| of a self-test logit on a driver that computes correctly; of fp16
            the upper bound of what `half_self_test_tolerance` measures.
    """

    tolerance: float | None
    margin: float | None
    max_flips: float
    self_test_tolerance: float


LIMITS = {
    # Drivers round differently; what the 1e-3 is to catch is a driver that computes something else.
    "fp32": Limits(tolerance=None, margin=None, max_flips=0.0, self_test_tolerance=1e-3),
    # The largest |difference| seen was 0.011 with weights of genuine Keras and 0.087 with a model of two epochs, on
    # images unlike those it learned from.
    "fp16": Limits(tolerance=0.1, margin=None, max_flips=0.0, self_test_tolerance=0.1),
}


def limits_of(precision: str) -> Limits:
    """The limits of a precision that a contract names.

    Raises:
        ModelFileError: the precision is neither fp32 nor fp16.
    """
    if precision not in LIMITS:
        raise ModelFileError(
            f"The file's contract says precision {precision!r}, expected {', '.join(LIMITS)}. Export the model again."
        )
    return LIMITS[precision]
