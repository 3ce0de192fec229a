"""wilson.py: the interval of a share is scipy's, and has a width where none or all were seen."""

import pytest
from scipy.stats import binomtest

from crbl_training.evaluation.wilson import wilson_interval


@pytest.mark.parametrize(
    ("found", "images"),
    [(81, 263), (15, 148), (0, 20), (1, 29), (1, 1), (7, 7), (999, 1000), (0, 1), (0, 7), (3, 7), (50, 400)],
)
def test_the_interval_of_a_share_is_that_of_scipy(found, images):
    interval, expected = wilson_interval(found, images), binomtest(found, images).proportion_ci(0.95, "wilson")
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize("images", [1, 2, 10_000])
def test_interval_stays_within_0_and_1_and_has_a_width(images):
    for found in (0, images):
        interval = wilson_interval(found, images)
        assert 0 <= interval.low <= found / images <= interval.high <= 1
        assert interval.low < interval.high
