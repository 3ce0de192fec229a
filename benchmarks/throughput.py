"""How much `Detector` costs beside onnxruntime alone, and how much faster `predict_many` is than a plain loop.

    python benchmarks/throughput.py crop.onnx

All on the CPU, in one process, the candidates in turn. A ratio of wall times is that of many images, because using all
cores is what it is about; the others are of CPU time.
"""

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import onnxruntime
import skimage.data
from PIL import Image

from crbl_runtime import Detector, prepare

JPEGS = 1000
DIFFERENT = 20
WIDTH, HEIGHT = 1154, 866  # One megapixel.
ROUNDS = 20
BATCH = 8
CALLS = 40
IMAGES_FOR_MEMORY = 10_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", type=Path)
    model: Path = parser.parse_args().model
    with tempfile.TemporaryDirectory() as folder:
        paths = write_jpegs(Path(folder))
        compare_many_images(model, paths)
        compare_threads(model, paths)
        compare_prepared(model, paths[0])
        measure_memory(model, paths[0])


def write_jpegs(folder: Path) -> list[Path]:
    """1,000 files of 20 photographs at one megapixel, with the noise of a sensor."""
    photographs = [skimage.data.astronaut(), skimage.data.coffee(), skimage.data.cat(), skimage.data.rocket()]
    for number in range(DIFFERENT):
        image = Image.fromarray(photographs[number % len(photographs)]).resize(
            (WIDTH, HEIGHT), Image.Resampling.LANCZOS
        )
        noise = np.random.default_rng(number).normal(0, 4, (HEIGHT, WIDTH, 3))
        noisy = np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(folder / f"{number:04}.jpg", quality=88)
    for number in range(DIFFERENT, JPEGS):
        os.link(folder / f"{number % DIFFERENT:04}.jpg", folder / f"{number:04}.jpg")
    return sorted(folder.iterdir())


def plain_loop(session: onnxruntime.InferenceSession, size: int, paths: Sequence[Path]) -> None:
    """What a program without this package does: imread, resize, run, one by one."""
    for path in paths:
        image = cv2.resize(cv2.imread(str(path)), (size, size), interpolation=cv2.INTER_CUBIC)
        session.run(None, {"image": cv2.cvtColor(image, cv2.COLOR_BGR2RGB)[np.newaxis]})


def compare_many_images(model: Path, paths: Sequence[Path]) -> None:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    with Detector(model, "cpu") as detector:
        size = detector.preprocessing.image_size
        loop, many = in_turn(
            [
                lambda part: plain_loop(session, size, part),
                lambda part: [None for _ in detector.predict_many(part)],
            ],
            parts(paths),
        )
    print(f"{len(paths):,} JPEGs of one megapixel, {os.cpu_count()} cores, {model.name}")
    print(f"  plain loop    {loop:7.2f} ms an image")
    print(f"  predict_many  {many:7.2f} ms an image, {loop / many:.2f} times as fast")


def compare_threads(model: Path, paths: Sequence[Path]) -> None:
    """One thread of onnxruntime in each worker, against all cores for one network."""
    with Detector(model, "cpu") as detector, Detector(model, "cpu", workers=1) as one_network:
        workers, cores = in_turn(
            [
                lambda part: [None for _ in detector.predict_many(part)],
                lambda part: [None for _ in one_network.predict_many(part)],
            ],
            parts(paths[: len(paths) // 2]),
        )
    print(
        f"  one thread of onnxruntime in each worker: {cores / workers:.2f} times as fast as one network on all cores"
    )


def compare_prepared(model: Path, path: Path) -> None:
    with Detector(model, "cpu", threads=1) as detector:
        prepared = prepare(path, detector.preprocessing)
        session = detector.model.sessions.session(detector.provider)._session
        for size in (BATCH, 1):
            images = [prepared] * size
            stacked = np.stack([image.pixels for image in images])
            bare, ours = alternating(
                [partial(session.run, None, {"image": stacked}), partial(detector.predict_prepared, images)]
            )
            print(
                f"Prepared images, {size} at a time: predict_prepared takes {ours / bare:.3f} of the CPU time of "
                f"session.run, {ours - bare:+.2f} ms"
            )


def measure_memory(model: Path, path: Path) -> None:
    with Detector(model, "cpu") as detector:
        small = np.asarray(Image.open(path).resize((128, 128)))
        predict_all(detector, small, 500)
        before = memory()
        predict_all(detector, small, IMAGES_FOR_MEMORY)
        print(f"Memory after {IMAGES_FOR_MEMORY:,} more images: {(memory() - before) / 2**20:+.1f} MB")


def predict_all(detector: Detector, image: np.ndarray, times: int) -> None:
    for _ in detector.predict_many(image for _ in range(times)):
        pass


def memory() -> int:
    """Resident bytes now on Linux; elsewhere the most that there ever was."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def parts(paths: Sequence[Path]) -> Iterator[Sequence[Path]]:
    size = len(paths) // ROUNDS
    yield from (paths[start : start + size] for start in range(0, len(paths), size))


def in_turn(
    candidates: Sequence[Callable[[Sequence[Path]], object]],
    all_parts: Iterator[Sequence[Path]],
) -> list[float]:
    """The median over the parts of the wall time that each candidate takes for an image, in milliseconds."""
    taken: list[list[float]] = [[] for _ in candidates]
    for number, part in enumerate(all_parts):
        order = list(enumerate(candidates))
        for place, candidate in order if number % 2 else reversed(order):
            started = time.perf_counter()
            candidate(part)
            taken[place].append(1000 * (time.perf_counter() - started) / len(part))
    return [median(times) for times in taken]


def alternating(candidates: Sequence[Callable[[], object]]) -> list[float]:
    """The median CPU time of each, in milliseconds."""
    taken: list[list[float]] = [[] for _ in candidates]
    for _ in range(CALLS):
        for place, candidate in enumerate(candidates):
            started = time.process_time()
            candidate()
            taken[place].append(1000 * (time.process_time() - started))
    return [median(times) for times in taken]


if __name__ == "__main__":
    main()
