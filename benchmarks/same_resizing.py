"""Do the steps of preparing an image give the same values on two machines?

    python benchmarks/same_resizing.py --save here.npz
    python benchmarks/same_resizing.py --compare here.npz       on the other machine

Resizes 66 arrays of noise with each way of resizing and counts the values that differ from the saved ones. Prints also
what bicubic resizing costs, in NumPy as it is and with OpenCV in float64, and the check at each load of a model.
"""

import platform
import time
from collections.abc import Callable
from pathlib import Path

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from crbl_runtime.bicubic import resize_bicubic
from crbl_runtime.golden_image import golden_image_sha256
from crbl_runtime.preprocessing import PreprocessingSpec

Pixels = NDArray[np.uint8]
SIZES = ((200, 200), (300, 300), (50, 50), (100, 200), (128, 64), (25, 400))
ROUNDS = 60


def by_area(pixels: Pixels) -> Pixels:
    return np.asarray(cv2.resize(pixels, (100, 100), interpolation=cv2.INTER_AREA), np.uint8)


def bicubic_on_uint8(pixels: Pixels) -> Pixels:
    return np.asarray(cv2.resize(pixels, (128, 128), interpolation=cv2.INTER_CUBIC), np.uint8)


def bicubic_in_float64(pixels: Pixels) -> Pixels:
    resized = cv2.resize(pixels.astype(np.float64), (128, 128), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(np.floor(resized + 0.5), 0, 255), np.uint8)


def bicubic_in_numpy(pixels: Pixels) -> Pixels:
    return resize_bicubic(pixels, 128)


WAYS: tuple[Callable[[Pixels], Pixels], ...] = (by_area, bicubic_on_uint8, bicubic_in_float64, bicubic_in_numpy)


def noise() -> list[Pixels]:
    """60 arrays of 3 to 299 rows and columns, and some whose scale is a whole number."""
    random = np.random.default_rng(1)
    sizes = [(int(height), int(width)) for height, width in random.integers(3, 300, (60, 2))]
    return [random.integers(0, 256, (*size, 3), dtype=np.uint8) for size in (*sizes, *SIZES)]


def milliseconds(function: Callable[..., object], argument: object) -> float:
    """Median CPU time of a call."""
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        function(argument)
        times.append(1000 * (time.process_time() - start))
    return float(np.median(times))


@click.command()
@click.option("--save", type=click.Path(path_type=Path))
@click.option("--compare", type=click.Path(exists=True, path_type=Path))
def main(save: Path | None, compare: Path | None) -> None:
    """Resize noise in all ways."""
    click.echo(f"OpenCV {cv2.__version__}, NumPy {np.__version__}, {platform.system()} {platform.machine()}")
    resized = {way.__name__: np.stack([way(pixels) for pixels in noise()]) for way in WAYS}
    if save is not None:
        np.savez_compressed(save, **resized)
    if compare is not None:
        others = np.load(compare)
        for name, values in resized.items():
            differ = int(np.sum(values != others[name]))
            click.echo(f"{name:20} {differ:8} of {values.size} values differ ({differ / values.size:.1e})")
    for side in (100, 1000, 4000):
        pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
        costs = [f"{way.__name__} {milliseconds(way, pixels):.2f}" for way in WAYS[2:]]
        click.echo(f"CPU ms an image of {side} x {side}: {', '.join(costs)}")
    golden = milliseconds(golden_image_sha256, PreprocessingSpec("object"))
    click.echo(f"CPU ms of the golden image, decoded and prepared: {golden:.2f}")


if __name__ == "__main__":
    main()
