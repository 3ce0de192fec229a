"""Turn the elpv-dataset package's 2,624 solar cells into the folders and CSV files that crbl-train reads.

    pip install elpv-dataset
    python training/recipes/elpv.py OUT

A cell of defect probability 0.5 or more is an impurity. OUT then holds train/class_0 and train/class_1, and
validation.csv and test.csv with their images under images. The split is 70/15/15, the same on every machine for the
same --seed.

The images are under CC BY-NC-SA 4.0, so not for commercial use. Those who use them cite:
Buerhop-Lutz et al., A Benchmark for Visual Identification of Defective Solar Cells in Electroluminescence Imagery,
EU PVSEC 2018, doi 10.4229/35thEUPVSEC20182018-5CV.3.15; Deitsch et al., Solar Energy 185 (2019) 455-468,
doi 10.1016/j.solener.2019.02.067; Deitsch et al., Machine Vision and Applications 32 (2021),
doi 10.1007/s00138-021-01191-9.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from crbl_runtime.atomic_file import require_writable, write_bytes
from crbl_runtime.command_line import run_command
from crbl_runtime.csv_file import write_csv
from crbl_runtime.errors import UnavailableError, UsageError

SEED = 1
HELD_OUT_PERCENT = {"validation": 15, "test": 15}
DEFECT_PROBABILITY = 0.5


@dataclass(frozen=True)
class Cell:
    """One solar cell: its place in the package's list, grey uint8 [300, 300], defect probability, mono or poly."""

    number: int
    image: NDArray[np.uint8]
    probability: float
    cell_type: str

    @property
    def impurity(self) -> int:
        return int(self.probability >= DEFECT_PROBABILITY)

    @property
    def stratum(self) -> str:
        return f"{self.cell_type} {self.probability:.2f}"

    def fingerprint(self, seed: int) -> str:
        """SHA-256 of the seed, the shape and the grey values: the same whatever wrote or read the file."""
        seeded = f"crbl-elpv-{seed}".encode()
        return hashlib.sha256(seeded + repr(self.image.shape).encode() + self.image.tobytes()).hexdigest()


@click.command(epilog="Example: python training/recipes/elpv.py elpv")
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option("--seed", type=click.IntRange(0), default=SEED, show_default=True, help="Another seed, another split.")
def main(out: Path, seed: int) -> None:
    """Write the elpv-dataset package's solar cells to the folder OUT, split 70/15/15."""
    write_dataset(out, load_cells(), seed)


def write_dataset(out: Path, cells: Sequence[Cell], seed: int) -> None:
    """Write the cells as crbl-train reads them, and print how many there are of each kind.

    Raises:
        UsageError: `out` has files that are not of this split.
    """
    require_writable(*(out / f"{name}.csv" for name in HELD_OUT_PERCENT))
    splits = split(cells, seed)
    files = [relative_path(cell, name) for cell, name in zip(cells, splits, strict=True)]
    refuse_other_files(out, files)
    for cell, file in tqdm(list(zip(cells, files, strict=True)), desc="Writing images", unit="image"):
        write_bytes(out / file, png(cell.image))
    for name in HELD_OUT_PERCENT:
        rows = [
            [file, cell.impurity]
            for cell, file, split_name in zip(cells, files, splits, strict=True)
            if split_name == name
        ]
        write_csv(out / f"{name}.csv", ["image_path", "impurity"], rows)
    click.echo(report(cells, splits, seed, out))


def load_cells() -> list[Cell]:
    """All cells in the package's order.

    Raises:
        UnavailableError: the elpv-dataset package is not installed.
    """
    try:
        from elpv_dataset.utils import load_dataset
    except ModuleNotFoundError as error:
        raise UnavailableError(
            f"The package {error.name} is missing, and the images come with it. Install it with: "
            "pip install elpv-dataset"
        ) from error
    images, probabilities, types = load_dataset()
    rows = zip(images, probabilities, types, strict=True)
    return [Cell(i, image, float(p), str(kind)) for i, (image, p, kind) in enumerate(rows, start=1)]


def split(cells: Sequence[Cell], seed: int = SEED) -> list[str]:
    """The split of each cell: train, validation or test.

    Within a stratum (defect probability and cell type) the order is that of the fingerprints, so nothing depends on a
    random generator or its version. Identical images count as one and stay together.
    """
    fingerprint_of = [cell.fingerprint(seed) for cell in cells]
    stratum_of: dict[str, str] = {}
    for cell, fingerprint in zip(cells, fingerprint_of, strict=True):
        stratum_of.setdefault(fingerprint, cell.stratum)
    members: defaultdict[str, list[str]] = defaultdict(list)
    for fingerprint in sorted(stratum_of):
        members[stratum_of[fingerprint]].append(fingerprint)
    split_of: dict[str, str] = {}
    for fingerprints in members.values():
        split_of.update(zip(fingerprints, split_names(len(fingerprints)), strict=True))
    return [split_of[fingerprint] for fingerprint in fingerprint_of]


def split_names(count: int) -> list[str]:
    """`count` split names, the held-out ones first, each share rounded half up."""
    held_out = [name for name, percent in HELD_OUT_PERCENT.items() for _ in range((percent * count + 50) // 100)]
    return held_out + ["train"] * (count - len(held_out))


def relative_path(cell: Cell, split_name: str) -> str:
    folder = f"train/class_{cell.impurity}" if split_name == "train" else "images"
    return f"{folder}/cell{cell.number:04d}.png"


def refuse_other_files(out: Path, files: Sequence[str]) -> None:
    """Raise UsageError where `out` holds files that this recipe does not write: they would be trained on too."""
    known = {*files, *(f"{name}.csv" for name in HELD_OUT_PERCENT)}
    for path in sorted(out.rglob("*")):
        if path.is_file() and path.relative_to(out).as_posix() not in known:
            raise UsageError(f"{out} has a file that is not of this data set: {path}. Name a new or an empty folder.")


def png(image: NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()


def split_hash(cells: Sequence[Cell], splits: Sequence[str], seed: int = SEED) -> str:
    """SHA-256 over every image's fingerprint, label and split, in any order of the cells."""
    lines = sorted(f"{cell.fingerprint(seed)} {cell.impurity} {name}" for cell, name in zip(cells, splits, strict=True))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def report(cells: Sequence[Cell], splits: Sequence[str], seed: int, out: Path) -> str:
    counts = Counter((name, cell.impurity) for cell, name in zip(cells, splits, strict=True))
    repeats = len(cells) - len({cell.fingerprint(seed) for cell in cells})
    return "\n".join(
        [
            f"{len(cells)} images in {out}, {repeats} of them a repeat of another (repeats share a split)",
            *(
                f"  {name:10}  normal {counts[name, 0]:5}  impurity {counts[name, 1]:5}"
                for name in ("train", *HELD_OUT_PERCENT)
            ),
            f"Split hash {split_hash(cells, splits, seed)}",
            "Licence CC BY-NC-SA 4.0: not for commercial use. Cite Buerhop-Lutz et al., EU PVSEC 2018, "
            "doi 10.4229/35thEUPVSEC20182018-5CV.3.15; Deitsch et al., Solar Energy 185 (2019), "
            "doi 10.1016/j.solener.2019.02.067; Deitsch et al., Machine Vision and Applications 32 (2021), "
            "doi 10.1007/s00138-021-01191-9.",
        ]
    )


if __name__ == "__main__":
    run_command("elpv.py", __name__, extra="train")
