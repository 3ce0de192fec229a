"""Cases that go wrong, each in another way, so that a test can tell that the fuzz tests see it."""

import os
import time
from collections.abc import Callable

import numpy as np

from crbl_runtime.errors import UsageError


def raise_error(error: BaseException) -> None:
    raise error


def take_long() -> None:
    end = time.process_time() + 2.1
    while time.process_time() < end:
        pass


MISTAKES: tuple[Callable[[], object], ...] = (
    lambda: None,
    lambda: raise_error(ValueError("of no type of ours")),
    lambda: raise_error(KeyboardInterrupt()),
    lambda: raise_error(UsageError("as it should be")),
    lambda: os._exit(77),
    lambda: None,
    take_long,
    lambda: np.ones(70_000_000),
)


def run_case(number: int) -> None:
    """Make the mistake of this number."""
    MISTAKES[number]()
