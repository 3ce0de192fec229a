"""The images a model was most wrong about, on one sheet."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure
from numpy.typing import NDArray
from torch import Tensor

from crbl_runtime.atomic_file import write_bytes
from crbl_training.data.prepared_dataset import PreparedDataset
from crbl_training.evaluation.metrics import anomaly_decisions, probabilities

SHOWN = 12
COLUMNS = 6
TILE_INCHES = 2.0
HEADING_INCHES = 0.45
NAME_LENGTH = 27
# DejaVu Sans comes with matplotlib; the others have the Hangul that it lacks, on Windows, Linux and macOS.
FONTS = ("DejaVu Sans", "Malgun Gothic", "Noto Sans CJK KR", "NanumGothic", "Apple SD Gothic Neo")


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
    """Draw the images with name and probability, as PNG; where there is no mistake, the sheet says so."""
    groups = [
        (_heading("False alarms", mistakes.false_alarms_in_all), mistakes.false_alarms),
        (_heading("Missed anomalies", mistakes.missed_in_all), mistakes.missed),
    ]
    groups = [(heading, shown) for heading, shown in groups if shown]
    heights = [HEADING_INCHES + _rows(shown) * (TILE_INCHES + 0.4) for _, shown in groups] or [1.0]
    size = (COLUMNS * (TILE_INCHES + 0.1), HEADING_INCHES + sum(heights))
    figure = Figure(figsize=size, dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    fonts = [name for name in FONTS if name in font_manager.get_font_names()]
    at = f"{mistakes.images} images at the threshold {mistakes.threshold:.4g}"
    figure.suptitle(_drawable(f"{title}: {at}", fonts), family=fonts, size=13, weight="bold", parse_math=False)
    if not groups:
        figure.text(0.5, 0.3, "No mistake: every image was decided rightly.", ha="center", size=13, family=fonts)
    for part, (heading, shown) in zip(_parts(figure, heights), groups, strict=False):
        _draw(part, heading, shown, fonts)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    write_bytes(path, buffer.getvalue())


def _heading(kind: str, count: int) -> str:
    return f"{kind}: {count}" + (f", the {SHOWN} most certain ones" if count > SHOWN else "")


def _rows(shown: Sequence[Mistake]) -> int:
    return -(-len(shown) // COLUMNS)


def _parts(figure: Figure, heights: Sequence[float]) -> list[SubFigure]:
    return list(np.ravel(figure.subfigures(len(heights), 1, height_ratios=heights)))


def _draw(part: SubFigure, heading: str, shown: Sequence[Mistake], fonts: list[str]) -> None:
    part.suptitle(heading, size=11, family=fonts)
    axes = part.subplots(_rows(shown), COLUMNS, squeeze=False).ravel()
    for axis in axes:
        axis.axis("off")
    for number, (axis, mistake) in enumerate(zip(axes, shown, strict=False), start=1):
        axis.imshow(mistake.image, interpolation="nearest")
        name = _drawable(_shortened(mistake.path.name), fonts)
        text = f"{number}.  p {_probability(mistake.probability)}\n{name}"
        axis.set_title(text, size=8.5, family=fonts, parse_math=False)


def _probability(value: float) -> str:
    """Four digits, and never a 0 or a 1 that is none."""
    if 0 < value < 0.0001:
        return f"{value:.1e}"
    return "> 0.9999" if 0.9999 < value < 1 else f"{value:.4f}"


def _shortened(name: str) -> str:
    return name if len(name) <= NAME_LENGTH else f"{name[:9]}…{name[10 - NAME_LENGTH :]}"


def _drawable(text: str, fonts: list[str]) -> str:
    """The text with a box for each character that no installed font has; metrics.json has the whole name."""
    known = set[int]().union(*(font_manager.get_font(font_manager.findfont(font)).get_charmap() for font in fonts))
    return "".join(character if ord(character) in known else "□" for character in text)
