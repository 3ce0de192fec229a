"""Views of images, a batch after the other, drawn by worker processes ahead of who takes them."""

import atexit
import multiprocessing
import os
import re
import shutil
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

import cv2
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from crbl_runtime.errors import UnavailableError
from crbl_training.data.mapped_images import Images
from crbl_training.data.view_dataset import NumberedView, ViewDataset

# How many batches each worker is ahead. More would hide longer pauses of a worker; each takes 1.5 MB of shared memory
# at 32 images of 128 px.
PREFETCHED = 4
# Where Linux keeps it; containers often have 64 MB.
SHARED_MEMORY = Path("/dev/shm")
# What torch says where a worker's process has ended, and where shared memory is exhausted.
_WORKER_ENDED = re.compile(r"DataLoader worker \(pid")
_NO_SHARED_MEMORY = re.compile(r"shared memory|shared file mapping|file </?torch_")


@contextmanager
def loaded_views(
    dataset: ViewDataset, batches: Iterable[list[NumberedView]], workers: int, *, pin_memory: bool
) -> Iterator[Iterator[Tensor]]:
    """Gives the views of each batch in order, uint8 [N, H, W, 3]; the workers end with the block, however it ends.

    The views are the same whatever the number of workers, and no global generator is read or changed.

    Args:
        workers: processes, each with one thread; 0 to draw in this process when a batch is taken.
        pin_memory: put the views into pinned memory, for CUDA.

    Raises:
        UnavailableError: a worker ended or ran out of shared memory, at any moment within the block.
    """
    loader = DataLoader(
        dataset,
        batch_size=None,  # The dataset gives a whole batch at a time.
        sampler=batches,
        num_workers=workers,
        pin_memory=pin_memory,
        prefetch_factor=PREFETCHED if workers else None,
        # Everywhere, as on Windows: a fork copies locks that threads hold, of CUDA and of OpenMP among others.
        multiprocessing_context="spawn" if workers else None,
        worker_init_fn=_begin_worker,
        generator=torch.Generator(),  # Else it would draw a number from the global one.
    )
    if not workers:
        yield iter(loader)
        return
    iterator: Any = None
    try:
        iterator = _started(loader, dataset.images)
        yield _taken(iterator)
    except RuntimeError as error:
        # A handler of SIGCHLD raises this at any moment.
        if _WORKER_ENDED.search(str(error)) is None:
            raise
        raise _failure(error) from error
    finally:
        if iterator is not None:
            with suppress(RuntimeError):  # That a worker has died is no news at its end.
                iterator._shutdown_workers()


def _started(loader: "DataLoader[Tensor]", images: Images) -> Iterator[Tensor]:
    try:
        if isinstance(images, Tensor):
            _share(images)
        with _interrupts_held():
            return iter(loader)
    except (RuntimeError, OSError) as error:
        raise _failure(error) from error


def _taken(iterator: Iterator[Tensor]) -> Iterator[Tensor]:
    try:
        yield from iterator
    except (RuntimeError, OSError, EOFError) as error:
        # torch begins so where the dataset has raised the error; anything else comes from the way to the worker.
        if str(error).startswith("Caught ") and _NO_SHARED_MEMORY.search(str(error)) is None:
            raise
        raise _failure(error) from error


def _failure(error: Exception) -> UnavailableError:
    lines = str(error).splitlines() or [type(error).__name__]
    return UnavailableError(
        f"A worker that draws augmented views has failed ({lines[-1]}). Give --workers 0, or make room: workers need "
        "memory, and shared memory (in a container --shm-size=1g)."
    )


def _share(images: Tensor) -> None:
    """Move the images into shared memory, where all workers see them."""
    # torch before 2.5 finds out that there is no room when a signal ends the process.
    free = shutil.disk_usage(SHARED_MEMORY).free if SHARED_MEMORY.is_dir() else images.nbytes
    if images.nbytes > free:
        raise UnavailableError(
            f"{images.nbytes / 1e6:,.0f} MB of images are to be shared with the workers, and {SHARED_MEMORY} has "
            f"{free / 1e6:,.0f} MB left. Give --workers 0, or make room (in a container --shm-size=1g)."
        )
    images.share_memory_()


def _begin_worker(worker: int) -> None:
    cv2.setNumThreads(1)  # torch has set its own threads already.
    # torch's worker looks every five seconds whether its parent has changed, and takes the one that it has after its
    # imports for the first: where the parent was killed meanwhile it would wait for ever.
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # Taking down a Python that has imported torch takes as long as importing it did, and Ctrl-C waits for that.
    atexit.register(os._exit, 0)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, "a worker is a process that was started"
    parent.join()
    os._exit(1)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Processes started within the block do not get Ctrl-C: who started them ends them. Here it acts after the block.

    Windows has no such mask, and there a worker that is starting may print where Ctrl-C has reached it.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # Its start ends with SIGINT allowed again; it goes on by itself once it is there.
    resource_tracker.ensure_running()
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
