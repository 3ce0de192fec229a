"""Work on many things in threads, with the results in the order of the things."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Thing = TypeVar("Thing")
Result = TypeVar("Result")


def in_order(
    work: Callable[[Thing], Result], things: Iterable[Thing], workers: int, ahead: int
) -> Generator[Result, None, None]:
    """The result of each thing, in order. Where the iterator is closed, the threads end with what they are doing.

    Args:
        work: done in the threads. things: taken one after another in the caller's thread, as they are needed.
        workers: threads, at least 1. ahead: how many things may be worked on beyond the one whose result is next.

    Raises:
        whatever `work` and `things` raise, once the results before it were given.
    """
    pending: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="crbl")
    try:
        failure = None
        iterator = iter(things)
        while failure is None:
            try:
                thing = next(iterator)
            except StopIteration:
                break
            except Exception as error:  # Of the caller's own iterable; what came before it is still to be given.
                failure = error
            else:
                pending.append(pool.submit(work, thing))
                if len(pending) > ahead:
                    yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
        if failure is not None:
            raise failure
    finally:
        pool.shutdown(cancel_futures=True)
