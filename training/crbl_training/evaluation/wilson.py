"""Where a share lies of which so many were seen."""

from statistics import NormalDist

from crbl_training.evaluation.bootstrap import LEVEL, Interval


def wilson_interval(count: int, of: int) -> Interval:
    """The 95 % score interval of a proportion (Wilson 1927, equation 3); for few images and for none or all, too.

    Args:
        count: 0 to `of`. of: at least 1.
    """
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    share, scale = count / of, 1 + z**2 / of
    centre = (share + z**2 / (2 * of)) / scale
    half = z / scale * (share * (1 - share) / of + z**2 / (4 * of**2)) ** 0.5
    return Interval(max(0.0, centre - half) if count else 0.0, min(1.0, centre + half) if count < of else 1.0)
