"""Do images get the same pixels with Intel's IPP and without, and on other versions of OpenCV?

    python benchmarks/same_pixels.py IMAGES [--model MODEL.onnx]

Prints, for both variants, the SHA-256 over all prepared images, computed as it was first (bicubic on uint8) and as it
is now (bicubic in float64), and the share of values that IPP changes; with a model file also how far that moves its
logits. Run it with other versions of opencv-python-headless, and on other machines, and compare the hashes.
"""

import hashlib
import platform
from collections.abc import Callable
from pathlib import Path

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from crbl_runtime import Detector, PreprocessingSpec, decode
from crbl_runtime.image_folder import find_images
from crbl_runtime.preprocessing import PreparedImage, find_region, resize

Pixels = NDArray[np.uint8]


def resize_on_uint8(pixels: Pixels, spec: PreprocessingSpec) -> Pixels:
    """As `resize` was at first."""
    if spec.region == "object":
        pixels = cv2.resize(
            np.ascontiguousarray(pixels), (spec.object_size, spec.object_size), interpolation=cv2.INTER_AREA
        )
    size = (spec.image_size, spec.image_size)
    return np.asarray(cv2.resize(np.ascontiguousarray(pixels), size, interpolation=cv2.INTER_CUBIC), np.uint8)


def prepare_all(
    images: list[Pixels], spec: PreprocessingSpec, function: Callable[[Pixels, PreprocessingSpec], Pixels], ipp: bool
) -> Pixels:
    """Prepared images, uint8 [N, size, size, 3]."""
    cv2.ipp.setUseIPP(ipp)
    return np.stack([function(find_region(image, spec).pixels, spec) for image in images])


def logits(detector: Detector, prepared: Pixels) -> NDArray[np.float64]:
    return np.array(
        [detector.predict_prepared([PreparedImage(pixels, True, (0, 0, 0, 0))])[0].logit for pixels in prepared]
    )


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(folder: Path, model: Path | None) -> None:
    """Prepare the images of FOLDER in all ways."""
    images = [decode(path) for path in find_images(folder).images]
    built_with_ipp = "ippicv" in cv2.getBuildInformation()
    click.echo(
        f"OpenCV {cv2.__version__} {'with' if built_with_ipp else 'without'} IPP, {platform.system()} "
        f"{platform.machine()}, {len(images)} images"
    )
    click.echo(f"{'region':8} {'bicubic':8} {'with IPP':14} {'without':14} {'values that differ':>24}")
    for region in ("object", "border"):
        spec = PreprocessingSpec(region)
        for name, function in (("uint8", resize_on_uint8), ("float64", resize)):
            with_ipp, without = (prepare_all(images, spec, function, ipp) for ipp in (True, False))
            hashes = [hashlib.sha256(prepared.tobytes()).hexdigest()[:12] for prepared in (with_ipp, without)]
            differ = int(np.sum(with_ipp != without))
            click.echo(
                f"{region:8} {name:8} {hashes[0]:14} {hashes[1]:14} {differ:10} of {with_ipp.size} "
                f"({differ / with_ipp.size:.2%}){_moved(model, region, with_ipp, without)}"
            )


def _moved(model: Path | None, region: str, with_ipp: Pixels, without: Pixels) -> str:
    if model is None:
        return ""
    with Detector(model, "cpu") as detector:
        if detector.contract.preprocessing.region != region:
            return ""
        moved = np.abs(logits(detector, with_ipp) - logits(detector, without))
    return f", logits move by up to {moved.max():.2g} (median {np.median(moved):.2g})"


if __name__ == "__main__":
    main()
