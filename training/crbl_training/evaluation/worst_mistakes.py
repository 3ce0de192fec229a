"""The images a model was most wrong about, on one sheet."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from crbl_runtime.probability_text import probability_text
from crbl_training.data.prepared_dataset import PreparedDataset
from crbl_training.evaluation.metrics import anomaly_decisions, probabilities
from crbl_training.image_grid import Caption, Cell, Section, draw_image_grid, png_bytes, write_png

SHOWN = 12
COLUMNS = 6
TILE = 200
NAME_LENGTH = 27


@dataclass(frozen=True)
class Mistake:
    """An image that was decided wrongly: what the network saw, uint8 [s, s, 3] RGB, and how sure it was."""

    path: Path
    image: NDArray[np.uint8]
    probability: float

    def to_dict(self) -> dict[str, Any]:
        """As JSON types."""
        return {"path": str(self.path), "probability": self.probability}


@dataclass(frozen=True)
class WorstMistakes:
    """The most certain mistakes of either kind, at most SHOWN each, the worst first.

    Attributes:
        false_alarms: normal images called anomalous. missed: anomalous images called normal.
        false_alarms_in_all, missed_in_all, images: how many there were.
    """

    false_alarms: tuple[Mistake, ...]
    missed: tuple[Mistake, ...]
    false_alarms_in_all: int
    missed_in_all: int
    images: int
    threshold: float

    def to_dict(self) -> dict[str, Any]:
        """The mistakes that are shown, as JSON types."""
        return {
            "false_alarms": [mistake.to_dict() for mistake in self.false_alarms],
            "missed_anomalies": [mistake.to_dict() for mistake in self.missed],
        }

    def _repr_png_(self) -> bytes:
        """The sheet, which notebooks show."""
        return png_bytes(draw_worst_mistakes(self, "Worst mistakes"))


def worst_mistakes(images: PreparedDataset, logits: Tensor, threshold: float) -> WorstMistakes:
    """Sort out what was decided wrongly; logits float [N]."""
    truth = images.labels.numpy().astype(np.int64)
    decisions = anomaly_decisions(logits, threshold)
    certainty, probability = logits.double().numpy(), probabilities(logits)

    def shown(numbers: NDArray[np.int64]) -> tuple[Mistake, ...]:
        return tuple(
            Mistake(images.paths[number], images.images[number].numpy(), float(probability[number]))
            for number in numbers[:SHOWN].tolist()
        )

    false_alarms = np.flatnonzero((truth == 0) & (decisions == 1))
    missed = np.flatnonzero((truth == 1) & (decisions == 0))
    return WorstMistakes(
        false_alarms=shown(false_alarms[np.argsort(-certainty[false_alarms], kind="stable")]),
        missed=shown(missed[np.argsort(certainty[missed], kind="stable")]),
        false_alarms_in_all=len(false_alarms),
        missed_in_all=len(missed),
        images=len(truth),
        threshold=threshold,
    )


def write_worst_mistakes(path: Path, mistakes: WorstMistakes, title: str) -> None:
    """Draw the sheet (see `draw_worst_mistakes`) and write it as PNG."""
    write_png(path, draw_worst_mistakes(mistakes, title))


def draw_worst_mistakes(mistakes: WorstMistakes, title: str) -> NDArray[np.uint8]:
    """The images with name and probability; where there is no mistake, a line that tells it.

    Returns:
        uint8 [height, width, 3] RGB.
    """
    sections = [
        _section("False alarms", mistakes.false_alarms, mistakes.false_alarms_in_all),
        _section("Missed anomalies", mistakes.missed, mistakes.missed_in_all),
    ]
    shown = [section for section in sections if section.cells]
    none = [Section("No mistake: every image was decided rightly.", [])]
    note = f"{mistakes.images} images at the threshold {mistakes.threshold:.4g}"
    return draw_image_grid(title, [note], shown or none, columns=COLUMNS, tile=TILE)


def _section(kind: str, shown: Sequence[Mistake], count: int) -> Section:
    heading = f"{kind}: {count}" + (f", the {SHOWN} most certain ones" if count > SHOWN else "")
    return Section(heading, [_cell(number, mistake) for number, mistake in enumerate(shown, start=1)])


def _cell(number: int, mistake: Mistake) -> Cell:
    words = [f"{number}.  p {probability_text(mistake.probability)}", _shortened(mistake.path.name)]
    return Cell([mistake.image], [[Caption(line, at=0.5, align="center", size=12)] for line in words])


def _shortened(name: str) -> str:
    return name if len(name) <= NAME_LENGTH else f"{name[:9]}…{name[10 - NAME_LENGTH :]}"
