"""Pillow as this package needs it: damaged files are errors, and nothing is printed, whatever the host has set."""

import logging
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import ImageFile

from crbl_runtime.forked import in_each_forked_child

_lock = threading.Lock()
# The threads that are within, by their identifiers.
_within: list[int] = []
_host_loads_truncated = False
# What warnings.filterwarnings("ignore", module=...) would insert; matched by identity when it is taken out again.
_ignore_pillow = ("ignore", None, Warning, re.compile(r"(PIL|pillow_heif)\."), 0)
_tiff_logger = logging.getLogger("PIL.TiffImagePlugin")


@contextmanager
def strict_pillow() -> Iterator[None]:
    """While any thread is within: ImageFile.LOAD_TRUNCATED_IMAGES is False, and Pillow's own warnings are ignored.

    Both are settings of the whole process, so threads share one change, and the last to leave takes it back. The
    warnings of other modules are not touched: `warnings.catch_warnings` would lose those of the host's threads.
    """
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _host_loads_truncated
    with _lock:
        if not _within:
            _host_loads_truncated = ImageFile.LOAD_TRUNCATED_IMAGES
        # Before anything is changed: a child that is forked now can then take it back.
        _within.append(threading.get_ident())
        _tiff_logger.addFilter(_log_nothing)
        ImageFile.LOAD_TRUNCATED_IMAGES = False
        if not any(known is _ignore_pillow for known in warnings.filters):
            warnings.filters.insert(0, _ignore_pillow)  # type: ignore[attr-defined]


def _leave() -> None:
    with _lock:
        if len(_within) == 1:
            _take_back()
        _within.remove(threading.get_ident())


def _take_back() -> None:
    ImageFile.LOAD_TRUNCATED_IMAGES = _host_loads_truncated
    _tiff_logger.removeFilter(_log_nothing)
    warnings.filters[:] = [known for known in warnings.filters if known is not _ignore_pillow]  # type: ignore[index]


def _leave_for_threads_of_the_parent() -> None:
    """In a forked child, which has none of the threads that were within or held the lock, but the one that forked."""
    global _lock
    _lock = threading.Lock()
    here = [thread for thread in _within if thread == threading.get_ident()]
    if _within and not here:
        _take_back()
    _within[:] = here


in_each_forked_child(_leave_for_threads_of_the_parent)


def _log_nothing(record: logging.LogRecord) -> bool:
    return False
