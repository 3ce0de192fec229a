"""How many decisions change, and how much time is saved, where large JPEGs are decoded at a part of their size?

    python benchmarks/fast_decode.py MODEL.onnx IMAGES [--tile N] [--enlarge N] [--quality Q]

Predicts every image of the folder twice, decoded in full and with the spec's `fast_decode`, and prints how far pixels
and logits move, how many decisions change, and how much faster decoding and preparing are. Files that are no JPEGs,
tiles, and what is enlarged are written as JPEGs first, in memory.
"""

import io
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import click
import numpy as np
from PIL import Image

from crbl_runtime import Detector, ImageError, Prediction, PreparedImage, PreprocessingSpec, decode, prepare
from crbl_runtime.image_folder import find_images
from crbl_runtime.preprocessing import decode_for

JPEG_START = b"\xff\xd8\xff"
REPEATS = 3


@dataclass(frozen=True)
class Compared:
    """One image, decoded in full and as a draft.

    Attributes:
        scale: what the draft's size was divided by, 1 for none.
        pixels: mean |difference| of the prepared pixels, of 255.
        full, fast: what the model makes of it. full_seconds, fast_seconds: to decode and prepare it, best of REPEATS.
    """

    name: str
    scale: int
    pixels: float
    full: Prediction
    fast: Prediction
    full_seconds: float
    fast_seconds: float

    @property
    def logit(self) -> float:
        """|difference| of the logits."""
        return abs(self.full.logit - self.fast.logit)


def jpegs(path: Path, tile: int | None, enlarge: int, quality: int) -> Iterator[tuple[str, bytes]]:
    """The name and the content of each JPEG that is to be predicted: the file itself where it is one as it is."""
    content = path.read_bytes()
    if tile is None and enlarge == 1 and content.startswith(JPEG_START):
        yield path.name, content
        return
    try:
        pixels = decode(path)
    except ImageError as error:
        click.echo(f"Left out: {error}")
        return
    height, width = (tile, tile) if tile else pixels.shape[:2]
    for y in range(0, pixels.shape[0] - height + 1, height):
        for x in range(0, pixels.shape[1] - width + 1, width):
            image = Image.fromarray(pixels[y : y + height, x : x + width])
            file = io.BytesIO()
            image.resize((width * enlarge, height * enlarge), Image.Resampling.BICUBIC).save(
                file, "JPEG", quality=quality
            )
            yield f"{path.name} {x} {y}", file.getvalue()


def timed(content: bytes, spec: PreprocessingSpec) -> tuple[PreparedImage, float]:
    """The prepared image, and how many seconds it takes at best."""
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        prepared = prepare(content, spec)
        seconds.append(time.perf_counter() - start)
    return prepared, min(seconds)


def compare(detector: Detector, fast: PreprocessingSpec, name: str, content: bytes) -> Compared:
    """Predict one image both ways."""
    in_full, full_seconds = timed(content, replace(fast, fast_decode=False))
    as_draft, fast_seconds = timed(content, fast)
    full_prediction, fast_prediction = detector.predict_prepared([in_full, as_draft])
    return Compared(
        name=name,
        scale=decode_for(content, fast).draft_scale,
        pixels=float(np.abs(in_full.pixels.astype(int) - as_draft.pixels).mean()),
        full=full_prediction,
        fast=fast_prediction,
        full_seconds=full_seconds,
        fast_seconds=fast_seconds,
    )


def changed_at_median(compared: list[Compared]) -> int:
    """How many images change sides of the median logit, where most of them are closest to a threshold."""
    median = float(np.median([image.full.logit for image in compared]))
    return sum((image.full.logit > median) != (image.fast.logit > median) for image in compared)


@click.command()
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--tile", type=click.IntRange(1), help="Cut each image into squares of so many pixels first.")
@click.option("--enlarge", type=click.IntRange(1), default=1, help="Enlarge each so many times then.")
@click.option("--quality", type=click.IntRange(1, 100), default=92, help="Of the JPEGs that are written.")
def main(model: Path, folder: Path, tile: int | None, enlarge: int, quality: int) -> None:
    """Compare MODEL's decisions on the images of FOLDER."""
    with Detector(model, "cpu") as detector:
        fast = replace(detector.preprocessing, fast_decode=True)
        compared = [
            compare(detector, fast, name, content)
            for path in find_images(folder).images
            for name, content in jpegs(path, tile, enlarge, quality)
        ]
    scales = Counter(image.scale for image in compared)
    drafted = [image for image in compared if image.scale > 1]
    click.echo(
        f"{len(compared)} images, region {fast.region}, {fast.image_size} px; "
        + ", ".join(f"{scales[scale]} at 1/{scale}" for scale in sorted(scales, reverse=True))
    )
    if not drafted:
        return
    changed = [image for image in drafted if image.full.is_anomaly != image.fast.is_anomaly]
    logits, pixels = [image.logit for image in drafted], [image.pixels for image in drafted]
    ratios = [image.full_seconds / image.fast_seconds for image in drafted]
    anomalies = sum(image.full.is_anomaly for image in drafted)
    click.echo(f"Of the {len(drafted)} drafts, {anomalies} anomalies when decoded in full:")
    click.echo(f"  mean |difference| of a pixel's value: median {np.median(pixels):.2f}, largest {max(pixels):.2f}")
    click.echo(f"  |difference| of the logit: median {np.median(logits):.3g}, largest {max(logits):.3g}")
    click.echo(f"  decisions changed: {len(changed)} of {len(drafted)} at the model's threshold")
    click.echo(f"  decisions changed: {changed_at_median(drafted)} of {len(drafted)} if half of them were anomalies")
    click.echo(f"  decoded and prepared {np.median(ratios):.2f} times as fast (median)")
    for image in changed:
        click.echo(f"    {image.name}: logit {image.full.logit:.3f} in full, {image.fast.logit:.3f} at 1/{image.scale}")


if __name__ == "__main__":
    main()
