"""Work that Ctrl-C and SIGTERM do not stop in the middle."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def signals_held() -> Iterator[None]:
    """Within the block the first Ctrl-C or SIGTERM waits for its end; a second one acts at once.

    So a result is in all outputs or in none. Two, because the block may wait for whoever reads the output.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Only the main thread is told of signals.
        return
    # What is ignored, or handled by other than Python, stays as it is.
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    former = {number: handler for number, handler in handlers.items() if callable(handler)}
    held: list[int] = []

    def hold(number: int, frame: FrameType | None) -> None:
        held.append(number)
        restore()

    def restore() -> None:
        for number, handler in former.items():
            signal.signal(number, handler)

    for number in former:
        signal.signal(number, hold)
    try:
        yield
    finally:
        restore()
        for one in held:
            signal.raise_signal(one)
