"""Many threads that begin at once."""

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

Result = TypeVar("Result")


def at_the_same_time(calls: Sequence[Callable[[], Result]]) -> list[Result]:
    """What the calls return, each in a thread of its own; an error of one of them is raised."""
    results: list[Result | BaseException] = [RuntimeError("the thread did not end")] * len(calls)
    barrier = threading.Barrier(len(calls))

    def run(number: int) -> None:
        barrier.wait()
        try:
            results[number] = calls[number]()
        except BaseException as error:
            results[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    returned: list[Result] = []
    for result in results:
        if isinstance(result, BaseException):
            raise result
        returned.append(result)
    return returned
