"""Many images: decoded in threads while the network runs, in order, and never more of them in memory than needed."""

import logging
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from crbl_runtime.errors import ImageError, NotFiniteError, UsageError
from crbl_runtime.image import ImageInput
from crbl_runtime.in_order import Thing, in_order

logger = logging.getLogger("crbl_runtime")

ONE_THREAD = 1
ON_ERROR = ("raise", "skip", "return")
AHEAD = 2
"""How much of its work a thread may be ahead, so that none waits for a slow one."""
IMAGES_OF_A_WORKER = 4
"""How many images a thread predicts at a time on the CPU."""

ImageFailure = ImageError | NotFiniteError

Prepared = TypeVar("Prepared")
Predicted = TypeVar("Predicted")
Predicted_co = TypeVar("Predicted_co", covariant=True)


@dataclass(frozen=True)
class Steps(Generic[Prepared, Predicted_co]):
    """From an image to its prediction, in two steps.

    Attributes:
        prepare: decodes an image and resizes it. run: gives the network prepared images.
        workers: threads, at least 1. batch_size: how many images `run` is given at a time in the caller's thread; None
            where each worker runs the network for its own images.
    """

    prepare: Callable[[ImageInput], Prepared]
    run: Callable[[Sequence[Prepared]], Sequence[Predicted_co | NotFiniteError]]
    workers: int
    batch_size: int | None

    def prepared(self, image: ImageInput) -> Prepared | ImageError:
        """The image, or why it has failed."""
        try:
            return self.prepare(image)
        except ImageError as failure:
            return failure

    def predicted(self, prepared: Sequence[Prepared | ImageError]) -> list[Predicted_co | ImageFailure]:
        """What the network gives for those that were prepared, and the failures in their places."""
        predictions = iter(self.run([each for each in prepared if not isinstance(each, ImageError)]))
        return [each if isinstance(each, ImageError) else next(predictions) for each in prepared]


def steps_on(
    on_cpu: bool,
    prepare: Callable[[ImageInput], Prepared],
    run: Callable[..., Sequence[Predicted | NotFiniteError]],
    workers: int,
    batch_size: int,
) -> Steps[Prepared, Predicted]:
    """The steps for a model on the CPU, where each of several workers has one thread of the network, or on a GPU.

    Args:
        run: takes prepared images, and as `threads` the CPU's, None for those that the model was loaded with.
        batch_size: of a GPU.
    """
    threads = ONE_THREAD if on_cpu and workers > 1 else None
    return Steps(prepare, partial(run, threads=threads), workers, None if on_cpu else batch_size)


def default_workers() -> int:
    """The processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def predict_many(
    images: Iterable[ImageInput], steps: Steps[Prepared, Predicted], on_error: str
) -> Iterator[Predicted | ImageFailure]:
    """The prediction of each image, in order. Nothing happens before the first is asked for.

    Args:
        on_error: what becomes of an image that fails: "raise", "skip" (left out with a line in the log), or "return"
            (the error in its place).

    Raises:
        UsageError: `on_error` is none of these; raised at once. ImageError, NotFiniteError: an image has failed, and
        `on_error` is "raise".
    """
    if on_error not in ON_ERROR:
        raise UsageError(f"on_error is {on_error!r}, expected one of {', '.join(ON_ERROR)}.")
    return _with_failures_handled(images, steps, on_error)


def _with_failures_handled(
    images: Iterable[ImageInput], steps: Steps[Prepared, Predicted], on_error: str
) -> Iterator[Predicted | ImageFailure]:
    results: Generator[Predicted | ImageFailure, None, None]
    results = _in_workers(images, steps) if steps.batch_size is None else _in_batches(images, steps)
    with closing(results):
        for result in results:
            if not isinstance(result, ImageFailure) or on_error == "return":
                yield result
            elif on_error == "skip":
                logger.warning("Left out: %s", result)
            else:
                raise result


def _in_workers(
    images: Iterable[ImageInput], steps: Steps[Prepared, Predicted]
) -> Generator[Predicted | ImageFailure, None, None]:
    """For the CPU: each thread takes some images from their files to their predictions.

    With one thread of onnxruntime in each that is faster than one network on all cores, whose threads wait for each
    other at every operator. Some images at a time are faster than one after the other (benchmarks/throughput.py).
    """

    def predict(some: Sequence[ImageInput]) -> list[Predicted | ImageFailure]:
        return steps.predicted([steps.prepared(image) for image in some])

    results = in_order(predict, _batches(images, IMAGES_OF_A_WORKER), steps.workers, AHEAD * steps.workers)
    with closing(results):
        for part in results:
            yield from part


def _in_batches(
    images: Iterable[ImageInput], steps: Steps[Prepared, Predicted]
) -> Generator[Predicted | ImageFailure, None, None]:
    """For a GPU: the threads prepare the next batches while the network runs one in the caller's thread."""
    size = steps.batch_size or 1
    ahead = AHEAD * max(steps.workers, size)
    with closing(in_order(steps.prepared, images, steps.workers, ahead)) as prepared:
        for batch in _batches(prepared, size):
            yield from steps.predicted(batch)


def _batches(things: Iterable[Thing], size: int) -> Iterator[list[Thing]]:
    """Lists of so many; where the iterable raises, first what came before that."""
    batch: list[Thing] = []
    try:
        for thing in things:
            batch.append(thing)
            if len(batch) == size:
                yield batch
                batch = []
    except Exception:
        if batch:
            yield batch
        raise
    if batch:
        yield batch
