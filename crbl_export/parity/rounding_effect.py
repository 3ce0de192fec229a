"""What a model loses when its weights are rounded to float16."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crbl_runtime.decision import threshold_logit
from crbl_runtime.errors import ParityError

# The largest |difference| of a logit seen was 0.004 with weights of genuine Keras, and 0.05 with a model of two epochs
# on images unlike those it learned from.
LARGEST_EFFECT = 0.1


@dataclass(frozen=True)
class RoundingEffect:
    """How the rounded model differs from the trained one on the gate's images.

    Attributes:
        error: largest |difference| of a float64 logit. flips: decisions that differ.
    """

    error: float
    flips: int

    def summary(self) -> dict[str, float]:
        """What of it travels in the model file."""
        return {"error_rounding": float(f"{self.error:.2g}"), "flips_rounding": self.flips}


def rounding_effect(rounded: NDArray[np.float64], trained: NDArray[np.float64], threshold: float) -> RoundingEffect:
    """Compare logits of the rounded model with those of the trained one, float64 [N] each, computed in float64.

    Within the limit a decision can flip only where the trained model's logit is nearer than that to the threshold.

    Raises:
        ParityError: a logit moves by more than the limit, or is not a number.
    """
    boundary = threshold_logit(threshold)
    effect = RoundingEffect(
        error=float(np.max(np.abs(rounded - trained))), flips=int(np.sum((rounded > boundary) != (trained > boundary)))
    )
    if not effect.error <= LARGEST_EFFECT:
        raise ParityError(
            f"Rounding the weights to half precision moves a logit by {effect.error:.3g}, at most {LARGEST_EFFECT:g} "
            f"is allowed, and flips {effect.flips} of {len(trained)} decisions. Nothing was written. "
            "Export with --precision fp32."
        )
    return effect
