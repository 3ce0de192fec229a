"""The files that crbl-predict writes for an image: overlays of its heatmaps, and a copy where it is an anomaly."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from crbl_runtime.atomic_file import replacing, write_bytes
from crbl_runtime.commands.image_result import ImageResult
from crbl_runtime.commands.result_names import ResultNames
from crbl_runtime.errors import ImageError


@dataclass(frozen=True)
class ResultFiles:
    """Where the files of each image go.

    Attributes:
        names: what they are called below the folders.
        overlays, copies: folders, or None where there are to be none.
        bit_depths: that each variant reads images with, see `decode`.
    """

    names: ResultNames
    overlays: Path | None
    copies: Path | None
    bit_depths: Mapping[str, int | None]

    def write(self, result: ImageResult) -> None:
        """Write what is to be written for one image.

        Raises:
            ImageError: the image, which was predicted, cannot be read any more.
            OutputError: a file cannot be written.
        """
        if self.overlays is not None:
            self._write_overlays(result, self.overlays)
        if self.copies is not None and result.is_anomaly:
            _copy(result.path, self.copies / self.names.name(result.path))

    def _write_overlays(self, result: ImageResult, folder: Path) -> None:
        import cv2

        from crbl_runtime.heatmap_overlay import draw_overlay
        from crbl_runtime.image import decode

        predictions = [prediction for prediction in result.predictions if prediction.heatmap is not None]
        depths = {self.bit_depths[prediction.variant] for prediction in predictions}
        pixels = {depth: decode(result.path, depth) for depth in depths}
        for prediction in predictions:
            drawn = draw_overlay(pixels[self.bit_depths[prediction.variant]], prediction)
            _, encoded = cv2.imencode(".png", cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR))
            write_bytes(folder / self.names.name(result.path, f".{prediction.variant}.png"), encoded.tobytes())


def _copy(source: Path, target: Path) -> None:
    """Copy a file's content and its time; its permissions may forbid to write it."""
    try:
        opened = source.open("rb")
    except OSError as error:
        raise ImageError(f"{source}: cannot be copied ({error}). Was it removed meanwhile?") from error
    with opened, replacing(target) as temporary:
        with temporary.open("wb") as copy:
            shutil.copyfileobj(opened, copy)
        status = os.fstat(opened.fileno())
        os.utime(temporary, ns=(status.st_atime_ns, status.st_mtime_ns))
