"""Percentiles are given only where there are calls enough for them."""

import pytest

from crbl_runtime.benchmark.latency import Latency, latency


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        (1, Latency(1, 0.0, None, None)),
        (19, Latency(19, 9.0, None, None)),
        (21, Latency(21, 10.0, 19.0, None)),
        (101, Latency(101, 50.0, 95.0, 99.0)),
    ],
)
def test_a_percentile_needs_calls_beyond_it(calls: int, expected: Latency) -> None:
    assert latency([float(number) for number in reversed(range(calls))]) == expected
