"""What rounding may change: numbers without a model."""

import numpy as np
import pytest

from crbl_export.parity.rounding_effect import LARGEST_EFFECT, RoundingEffect, rounding_effect
from crbl_runtime.errors import ParityError

TRAINED = np.array([-3.0, 0.02, 2.0])


def test_the_largest_difference_and_the_flips_are_counted() -> None:
    """A decision may flip where the trained model's logit is nearer to the threshold than the limit."""
    effect = rounding_effect(np.array([-3.0, -0.03, 2.0]), TRAINED, threshold=0.5)
    assert effect == RoundingEffect(error=pytest.approx(0.05), flips=1)
    assert effect.summary() == {"error_rounding": 0.05, "flips_rounding": 1}


@pytest.mark.parametrize("moved", [1.5 * LARGEST_EFFECT, -1.5 * LARGEST_EFFECT, np.inf, np.nan])
def test_more_than_the_limit_is_refused(moved: float) -> None:
    with pytest.raises(ParityError, match=r"moves a logit by .* at most 0\.1 is allowed"):
        rounding_effect(TRAINED + np.array([moved, 0, 0]), TRAINED, threshold=0.5)


def test_a_flip_farther_from_the_threshold_than_the_limit_is_refused() -> None:
    with pytest.raises(ParityError, match="flips 1 of 3 decisions"):
        rounding_effect(np.array([-3.0, 0.02, -0.01]), np.array([-3.0, 0.02, 0.11]), threshold=0.5)
