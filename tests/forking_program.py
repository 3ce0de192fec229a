"""A program that forks with a model loaded: forking_program.py CASE MODEL IMAGE.

It prints "right" where each child predicts what the parent does and ends by itself; else what went wrong.
"""

import concurrent.futures
import gc
import multiprocessing
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from PIL import ImageFile

from crbl_runtime import Detector, UsageError
from crbl_runtime.image_file import pillow_strict

# A child that is well ends in a second; one that hangs hangs for ever.
PATIENCE = 60.0

model, image = sys.argv[2:]
detector = Detector(model, "cpu", threads=4)
EXPECTED = detector.predict(image).logit


def predict(_: object = None) -> float:
    return detector.predict(image).logit


def require_right() -> None:
    logit = predict()
    if logit != EXPECTED:
        sys.exit(f"The child has the logit {logit}, the parent {EXPECTED}.")


def in_child(action: Callable[[], object]) -> None:
    """Fork; the child does `action` and ends as any program does. Wait for it."""
    pid = os.fork()
    if pid == 0:
        action()
        sys.exit(0)
    deadline = time.monotonic() + PATIENCE
    done = 0
    while not done and time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        time.sleep(0.01)
    if not done:
        os.kill(pid, signal.SIGKILL)
        sys.exit("The child hangs.")
    if status:
        sys.exit(f"The child ended with {os.waitstatus_to_exitcode(status)}.")


def exit_after_use() -> None:
    in_child(require_right)
    require_right()


def exit_without_use() -> None:
    in_child(lambda: None)
    in_child(gc.collect)


def end_at_once() -> None:
    in_child(lambda: (require_right(), os._exit(0)))


def close_in_child() -> None:
    def close() -> None:
        detector.close()
        try:
            predict()
        except UsageError:
            return
        sys.exit("A closed detector predicted.")

    in_child(close)
    require_right()


def fork_within_with() -> None:
    with Detector(model, "cpu") as inner:
        in_child(lambda: inner.predict(image))
        inner.predict(image)


def last_reference_dropped() -> None:
    """The child drops its only reference to the detector before it exits."""

    def drop() -> None:
        global detector
        del detector
        gc.collect()

    in_child(drop)


def grandchild() -> None:
    in_child(lambda: (require_right(), in_child(require_right), require_right()))


def while_others_predict() -> None:
    stopped = threading.Event()

    def predict_on() -> None:
        while not stopped.is_set():
            predict()

    threads = [threading.Thread(target=predict_on) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(5):
            in_child(require_right)
    finally:
        stopped.set()
        for thread in threads:
            thread.join()


@contextmanager
def another_thread_within(*entered: AbstractContextManager[object]) -> Iterator[None]:
    """During the block a thread that a child has not is within these contexts."""
    inside, forked = threading.Event(), threading.Event()

    def stay() -> None:
        with ExitStack() as stack:
            for context in entered:
                stack.enter_context(context)
            inside.set()
            forked.wait()

    thread = threading.Thread(target=stay)
    thread.start()
    inside.wait()
    try:
        yield
    finally:
        forked.set()
        thread.join()


def while_another_decodes() -> None:
    """What the other thread has changed in Pillow's settings, and the lock of them, are not the child's."""

    def require_the_hosts_settings() -> None:
        require_right()
        if not ImageFile.LOAD_TRUNCATED_IMAGES or pillow_strict._ignore_pillow in warnings.filters:
            sys.exit("The child has other settings of Pillow than its parent.")

    ImageFile.LOAD_TRUNCATED_IMAGES = True
    with another_thread_within(pillow_strict.strict_pillow(), pillow_strict._lock):
        in_child(require_the_hosts_settings)


def while_another_opens() -> None:
    """The lock that lets one thread open a session is held at the fork."""
    with another_thread_within(detector.model.sessions._opening):
        in_child(require_right)


def pool() -> None:
    with multiprocessing.get_context("fork").Pool(2) as workers:
        found = set(workers.map_async(predict, range(4)).get(PATIENCE))
    if found != {EXPECTED}:
        sys.exit(f"The pool's logits are {found}.")


def executor() -> None:
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as workers:
        found = set(workers.map(predict, range(4), timeout=PATIENCE))
    if found != {EXPECTED}:
        sys.exit(f"The executor's logits are {found}.")


CASES = {
    case.__name__: case
    for case in (
        exit_after_use,
        exit_without_use,
        end_at_once,
        close_in_child,
        fork_within_with,
        last_reference_dropped,
        grandchild,
        while_others_predict,
        while_another_decodes,
        while_another_opens,
        pool,
        executor,
    )
}

if __name__ == "__main__":
    CASES[sys.argv[1]]()
    print("right")
