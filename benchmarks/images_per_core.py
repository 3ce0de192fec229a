"""How many images a second does one core score, and where does its time go?

    python benchmarks/images_per_core.py crop.onnx

Reads, decodes, prepares and runs JPEGs of one megapixel and PNGs of 100 x 100 pixels, drawn here, on one thread, and
prints the CPU time of each step, the size of the files, and what 10^8 of them cost by the formulas of docs/scale.md.
"""

import io
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import cv2
import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image

from crbl_runtime import Detector
from crbl_runtime.image_file.decoded_image import DecodedImage
from crbl_runtime.preprocessing import PreparedImage, decode_for, prepare_decoded

IMAGES = 10**8
SECONDS_A_DAY = 86_400
DIFFERENT = 12


@dataclass(frozen=True)
class Kind:
    """Files of one kind, with the name of it."""

    name: str
    paths: Sequence[Path]

    @property
    def bytes_each(self) -> float:
        return float(np.mean([path.stat().st_size for path in self.paths]))


def scene(random: np.random.Generator, height: int, width: int) -> NDArray[np.uint8]:
    """Blurred noise of several scales, which compresses about as a photograph does."""
    image = np.zeros((height, width, 3))
    for scale in (1, 4, 16, 64):
        small = random.normal(size=(max(height // scale, 2), max(width // scale, 2), 3)) * scale**0.7
        image += cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(128 + 8 * image, 0, 255).astype(np.uint8)


def draw(folder: Path, file_format: str, height: int, width: int, **options: int) -> Kind:
    paths = []
    for number in range(DIFFERENT):
        file = io.BytesIO()
        Image.fromarray(scene(np.random.default_rng(number), height, width)).save(file, file_format, **options)
        paths.append(folder / f"{width}_{number}.{file_format.lower()}")
        paths[-1].write_bytes(file.getvalue())
    return Kind(f"{file_format}, {width} x {height}", paths)


def cpu_ms(step: Callable[[], object]) -> float:
    """CPU time of all threads of this process, in milliseconds."""
    start = time.process_time()
    step()
    return 1000 * (time.process_time() - start)


def measure(detector: Detector, path: Path) -> dict[str, float]:
    """One image, step by step."""
    content: list[bytes] = []
    decoded: list[DecodedImage] = []
    prepared: list[PreparedImage] = []
    spec = detector.preprocessing
    return {
        "read": cpu_ms(lambda: content.append(path.read_bytes())),
        "decode": cpu_ms(lambda: decoded.append(decode_for(content[0], spec))),
        "prepare": cpu_ms(lambda: prepared.append(prepare_decoded(decoded[0], spec))),
        "run": cpu_ms(lambda: detector.predict_prepared(prepared)),
    }


def median_steps(detector: Detector, kind: Kind, rounds: int) -> dict[str, float]:
    measured = [measure(detector, path) for _ in range(rounds) for path in kind.paths]
    return {step: float(np.median([each[step] for each in measured])) for step in measured[0]}


@click.command()
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--rounds", default=10, show_default=True, help="How often each of the 12 files of a kind is scored.")
def main(model: Path, rounds: int) -> None:
    """Measure images per second and core with MODEL, on one thread."""
    cv2.setNumThreads(1)
    click.echo(f"{platform.system()} {platform.machine()}, OpenCV {cv2.__version__}, Pillow {PIL.__version__}")
    click.echo(
        f"{'CPU ms an image':20} {'read':>7} {'decode':>7} {'prepare':>8} {'run':>7} {'sum':>7} {'images/s':>9} kB"
    )
    with TemporaryDirectory() as name, Detector(model, "cpu", workers=1, threads=1) as detector:
        folder = Path(name)
        kinds = [draw(folder, "JPEG", 1000, 1000, quality=90), draw(folder, "PNG", 100, 100)]
        for kind in kinds:
            median_steps(detector, kind, 1)
        for kind in kinds:
            steps = median_steps(detector, kind, rounds)
            total = sum(steps.values())
            rate = 1000 / total
            click.echo(
                f"{kind.name:20} {steps['read']:7.2f} {steps['decode']:7.2f} {steps['prepare']:8.2f} "
                f"{steps['run']:7.2f} {total:7.2f} {rate:9.1f} {kind.bytes_each / 1000:.0f}"
            )
            read = IMAGES * kind.bytes_each
            click.echo(
                f"    10^8 of them: {read / 1e12:.1f} TB read, {IMAGES / rate / 3600:,.0f} core hours, "
                f"{IMAGES / rate / SECONDS_A_DAY:.1f} cores for a day, {8 * read / SECONDS_A_DAY / 1e9:.2f} Gbit/s then"
            )


if __name__ == "__main__":
    main()
