"""How long calls take."""

import time
from collections.abc import Callable


def timed_calls(call: Callable[[], object], seconds: float, most: int | None = None) -> list[float]:
    """Call again and again; the milliseconds of each.

    Args:
        seconds: after so many no call is begun any more, but one is made at least. most: calls, None for any number.
    """
    times: list[float] = []
    end = time.perf_counter() + seconds
    while not times or (len(times) != most and time.perf_counter() < end):
        started = time.perf_counter()
        call()
        times.append(milliseconds_since(started))
    return times


def milliseconds_since(started: float) -> float:
    """From a reading of `time.perf_counter` until now."""
    return (time.perf_counter() - started) * 1000
