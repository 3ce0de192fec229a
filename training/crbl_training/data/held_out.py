"""The test images that a training with --split-test leaves for measuring, as a table that crbl-evaluate takes."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from crbl_runtime.counted import counted
from crbl_runtime.csv_file import harmless, write_csv
from crbl_training.data.dataset import LabelledImage


def write_held_out(path: Path, images: Sequence[LabelledImage]) -> None:
    """Write one line for each image: path, label, kind. Paths are absolute."""
    rows = [[image.path.resolve(), image.label, harmless(image.kind)] for image in images]
    write_csv(path, ["image_path", "impurity", "kind"], rows)


def held_out_line(images: Sequence[LabelledImage]) -> str:
    """How many images of what kind are held out, as text."""
    names = Counter(image.kind or ("normal", "anomalous")[image.label] for image in images)
    each = ", ".join(f"{count} {name}" for name, count in names.items())
    return f"Held out of training and validation: {counted(len(images), 'test image')} ({each})"
