"""How well perceptual hashes of several sizes tell copies of an image from other images.

    python benchmarks/near_identical.py FOLDER [--tile 100]

For each size of the hash and each limit, in percent of its bits: how many pairs of different images lie within the
limit, and how many copies that were changed a little. Pairs within the limit are real finds where the folder has the
same thing photographed twice; `--show` writes some of them to a sheet, to be looked at.
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import cv2
import imagehash
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from crbl_runtime.image import decode
from crbl_runtime.image_folder import find_images
from crbl_training.data.fingerprint import HASH_BITS, HASH_SIDE, NEAR_LIMIT

Pixels = NDArray[np.uint8]
Bits = NDArray[np.float32]

SIDES = (8, 16, 20, 24, 32)
LIMITS = (0.05, NEAR_LIMIT / HASH_BITS, 0.1)
COPIES = 150
PAIRS_SHOWN = 24


def _jpeg(quality: int) -> Callable[[Pixels], Pixels]:
    def written_and_read(image: Pixels) -> Pixels:
        encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)

    return written_and_read


def _times(factor: float) -> Callable[[Pixels], Pixels]:
    return lambda image: np.clip(image * factor, 0, 255).astype(np.uint8)


def _noisy(image: Pixels) -> Pixels:
    noise = np.random.RandomState(0).normal(0, 3, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def _smaller(image: Pixels) -> Pixels:
    return np.asarray(cv2.resize(image, None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA), np.uint8)


CHANGES: dict[str, Callable[[Pixels], Pixels]] = {
    "JPEG 90": _jpeg(90),
    "JPEG 60": _jpeg(60),
    "darker": _times(0.9),
    "brighter": _times(1.1),
    "noise": _noisy,
    "smaller": _smaller,
    "shifted": lambda image: image[1:, 1:],
    "mirrored": lambda image: image[:, ::-1],
    "turned": lambda image: np.rot90(image),
}


@click.command(epilog="Example: python benchmarks/near_identical.py elpv --show pairs.png")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--tile", type=int, help="Cut every image into squares of so many pixels first.")
@click.option("--show", type=click.Path(path_type=Path), help="PNG with some of the pairs nearest to the limit in use.")
def main(folder: Path, tile: int | None, show: Path | None) -> None:
    """Measure on the images of FOLDER."""
    images = _different([piece for path in find_images(folder).images for piece in _tiles(decode(path), tile)])
    # On a blank image the hash is noise, so its copies are not counted.
    structured = [number for number, image in enumerate(images) if image.std() > 2]
    original = structured[:: -(-len(structured) // COPIES)]
    copies = {name: [change(images[number]) for number in original] for name, change in CHANGES.items()}
    print(f"{len(images)} different images, {len(images) * (len(images) - 1) // 2} pairs")
    print(f"{'side':>4} {'bits':>5} {'limit':>6} {'pairs':>6}  {'  '.join(f'{name:>8}' for name in CHANGES)}")
    for side in SIDES:
        hashes = _hashes(images, side)
        distances = _distances(hashes)
        found = {
            name: np.abs(_hashes(changed, side) - hashes[original]).mean(axis=1) for name, changed in copies.items()
        }
        for limit in LIMITS:
            shares = "  ".join(f"{np.mean(distance <= limit):8.0%}" for distance in found.values())
            print(f"{side:4} {side**2:5} {limit:6.1%} {int(np.sum(distances <= limit)):6}  {shares}")
        if show is not None and side == HASH_SIDE:
            _write_pairs(show, images, distances)


def _tiles(image: Pixels, side: int | None) -> list[Pixels]:
    if side is None:
        return [image]
    height, width = image.shape[:2]
    return [
        np.ascontiguousarray(image[y : y + side, x : x + side])
        for y in range(0, height - side + 1, side)
        for x in range(0, width - side + 1, side)
    ]


def _different(images: Sequence[Pixels]) -> list[Pixels]:
    return list({hashlib.sha256(image.tobytes()).digest(): image for image in images}.values())


def _hashes(images: Sequence[Pixels], side: int) -> Bits:
    opened = (Image.fromarray(np.ascontiguousarray(image)) for image in images)
    return np.stack([imagehash.phash(image, side).hash.ravel().astype(np.float32) for image in opened])


def _distances(hashes: Bits) -> Bits:
    """The share of bits that differ, of each pair once, in the order of numpy's triu_indices."""
    signs = 2 * hashes - 1
    shares: Bits = (1 - signs @ signs.T / signs.shape[1]) / 2
    return shares[np.triu_indices(len(hashes), 1)]


def _write_pairs(path: Path, images: Sequence[Pixels], distances: Bits) -> None:
    within = np.flatnonzero(distances <= NEAR_LIMIT / HASH_BITS)
    farthest = within[np.argsort(-distances[within], kind="stable")][:PAIRS_SHOWN]
    first, second = np.triu_indices(len(images), 1)
    figure = Figure(figsize=(16, 10), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(6, 8).ravel()
    for axis in axes:
        axis.axis("off")
    for place, pair in enumerate(farthest.tolist()):
        for axis, number in zip(axes[2 * place : 2 * place + 2], (first[pair], second[pair]), strict=True):
            axis.imshow(images[number])
            axis.set_title(f"{number}: {distances[pair] * HASH_BITS:.0f} bits", size=8)
    figure.savefig(path, dpi=80)


if __name__ == "__main__":
    main()
