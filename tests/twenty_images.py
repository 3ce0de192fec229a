"""Writes tests/data/twenty_images, whose prepared pixels must be the same on every machine.

    python tests/twenty_images.py

The files are kept, and not made by each test, because JPEG encoders differ and other languages are to read them too.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from crbl_runtime.preprocessing import PreprocessingSpec, prepare

FOLDER = Path(__file__).parent / "data" / "twenty_images"
Pixels = NDArray[np.uint8]


def mottle(height: int, width: int, seed: int, spacing: int = 9) -> NDArray[np.float64]:
    """0 to 1: random values on a lattice, interpolated between its points."""
    lattice = np.random.default_rng(seed).random((height // spacing + 2, width // spacing + 2))
    y, x = np.mgrid[0:height, 0:width] / spacing
    row, column = y.astype(int), x.astype(int)
    down, right = y - row, x - column
    top = lattice[row, column] * (1 - right) + lattice[row, column + 1] * right
    bottom = lattice[row + 1, column] * (1 - right) + lattice[row + 1, column + 1] * right
    return top * (1 - down) + bottom * down


def light(height: int, width: int, seed: int = 0) -> Pixels:
    """A ground of 205 to 254."""
    return np.stack([205 + 50 * mottle(height, width, seed + channel) for channel in range(3)], axis=2).astype(np.uint8)


def dark(height: int, width: int, seed: int = 1) -> Pixels:
    """A texture of 20 to 139, each channel its own."""
    channels = [mottle(height, width, seed + channel, spacing=5) for channel in range(3)]
    return (20 + 120 * np.stack(channels, axis=2)).astype(np.uint8)


def scene(height: int, width: int, *boxes: tuple[int, int, int, int], seed: int = 0) -> Pixels:
    """A light image with dark boxes (x, y, width, height)."""
    image = light(height, width, seed)
    for number, (x, y, w, h) in enumerate(boxes):
        image[y : y + h, x : x + w] = dark(h, w, seed + 10 * number + 1)
    return image


def near_the_object_threshold() -> Pixels:
    """Colours whose grey value lies between 149 and 152, so that the last bit of the grey value decides."""
    random = np.random.default_rng(6)
    red, blue = random.integers(100, 201, (2, 96, 96))
    green = ((150.5 - 0.299 * red - 0.114 * blue) / 0.587 + random.integers(-1, 2, (96, 96))).clip(0, 255)
    image = light(110, 120, 6)
    image[8:104, 10:106] = np.stack([red, green, blue], axis=2).astype(np.uint8)
    return image


def to_16_bits(image: Pixels) -> NDArray[np.uint16]:
    """16-bit values that are no multiples of 257, so that scaling down must round."""
    return image.astype(np.uint16) * 257 - np.random.default_rng(0).integers(0, 120, image.shape, dtype=np.uint16)


def write_png(path: Path, image: NDArray[np.uint8]) -> None:
    Image.fromarray(image).save(path)


def write_jpeg(path: Path, image: Pixels, subsampling: str, orientation: int = 1) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(image).save(path, quality=88, subsampling=subsampling, exif=exif)


def write_images() -> None:
    """The twenty files. The name starts with the region that the image is prepared for."""
    png = {
        "object_01_enlarged": scene(100, 110, (20, 12, 61, 58)),
        "object_02_reduced": scene(141, 213, (31, 7, 171, 82), seed=2),
        "object_03_reduced_by_two": scene(209, 211, (3, 2, 202, 202), seed=3),
        "object_04_enlarged_by_two": scene(100, 100, (20, 10, 52, 52), seed=4),
        "object_05_one_pixel": scene(60, 61, (30, 20, 3, 3), seed=5),
        "object_06_thin": scene(99, 97, (40, 9, 3, 71), seed=6),
        "object_07_near_the_threshold": near_the_object_threshold(),
        "object_08_two_of_one_area": scene(100, 120, (10, 20, 30, 40), (70, 30, 40, 30), seed=8),
        "object_09_below_the_bottom": scene(130, 90, (15, 40, 60, 80), seed=9),
        "object_10_none": light(61, 97, 10),
        "border_13_of_the_final_size": scene(132, 132, (30, 30, 60, 60), seed=13),
        "border_14_one_pixel": scene(5, 5, (4, 4, 1, 1), seed=14),
        "border_15_reduced": scene(165, 237, (90, 60, 100, 70), seed=15),
        "whole_18_one_pixel": dark(2, 1, 18)[:1],
    }
    for name, image in png.items():
        write_png(FOLDER / f"{name}.png", image)
    write_jpeg(FOLDER / "object_11_turned.jpg", scene(111, 95, (20, 30, 50, 60), seed=11), "4:2:0", orientation=6)
    tifffile.imwrite(FOLDER / "object_12_16_bits.tif", to_16_bits(scene(90, 80, (10, 10, 40, 47), seed=12)))
    write_jpeg(FOLDER / "border_16_odd.jpg", scene(87, 119, (30, 20, 40, 40), seed=16), "4:2:2")
    Image.fromarray(to_16_bits(scene(75, 91, (20, 20, 40, 40), seed=17)[..., 0])).save(
        FOLDER / "border_17_grey_16_bits.png"
    )
    write_jpeg(FOLDER / "whole_19_reduced.jpg", scene(180, 260, (90, 60, 120, 90), seed=19), "4:4:4")
    alpha = (255 * mottle(83, 66, 20)).astype(np.uint8)
    write_png(FOLDER / "whole_20_transparent.png", np.dstack([dark(83, 66, 20), alpha]))


def write_hashes() -> None:
    """The SHA-256 of each prepared image, and of all of them one after the other."""
    prepared = {path.name: prepare_file(path).tobytes() for path in image_files()}
    hashes = {
        "all": hashlib.sha256(b"".join(prepared.values())).hexdigest(),
        "images": {name: hashlib.sha256(pixels).hexdigest() for name, pixels in prepared.items()},
    }
    (FOLDER / "prepared.json").write_text(json.dumps(hashes, indent=2) + "\n", encoding="utf-8")


def image_files() -> list[Path]:
    """The twenty files, in order of their names."""
    return sorted(path for path in FOLDER.iterdir() if path.suffix != ".json")


def prepare_file(path: Path) -> Pixels:
    """The prepared pixels of a file, uint8 [128, 128, 3], for the region that its name starts with."""
    return prepare(path.read_bytes(), PreprocessingSpec(region=path.name.partition("_")[0])).pixels


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    write_images()
    write_hashes()
