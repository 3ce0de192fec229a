"""One PNG that shows what the models decided on some images, and which cells of each image made the score."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from crbl_runtime.errors import UsageError
from crbl_runtime.heatmap_overlay import grey, tinted
from crbl_runtime.probability_text import probability_text
from crbl_training.image_grid import (
    FAINT_INK,
    Caption,
    Cell,
    Legend,
    Section,
    draw_image_grid,
    write_png,
)

COLUMNS = 4
TILE = 150
SCALE_WIDTH, SCALE_HEIGHT = 300, 16

RIGHT, WRONG = "#1f8a4c", "#cf2e2e"
BLUE_INK, RED_INK = "#1654b8", "#b8151c"


@dataclass(frozen=True)
class SheetEntry:
    """One image and what was decided on it.

    Attributes:
        image: uint8 [H, W, 3] RGB, as it was taken.
        truth: what the image really shows, for people.
        probability_crop, probability_full: each model's probability of an impurity, 0 to 1.
        decision: the combined decision; True is anomaly.
        correct: whether the decision agrees with the truth.
        heatmap: float32 [h, w]; its cells sum to logit minus bias of the model that saw `heatmap_view`.
        heatmap_view: uint8 [S, S, 3] RGB, what that model saw.
    """

    image: NDArray[np.uint8]
    truth: str
    probability_crop: float
    probability_full: float
    decision: bool
    correct: bool
    heatmap: NDArray[np.float32]
    heatmap_view: NDArray[np.uint8]


def write_contact_sheet(path: Path, entries: Sequence[SheetEntry], title: str, caption: str) -> None:
    """Draw the sheet (see `draw_contact_sheet`) and write it to `path` as PNG."""
    write_png(path, draw_contact_sheet(entries, title, caption))


def draw_contact_sheet(entries: Sequence[SheetEntry], title: str, caption: str) -> NDArray[np.uint8]:
    """Draw a cell per entry: the image, what the model saw under its heatmap, and the decision.

    All heatmaps share one symmetric colour scale, so that the same colour means the same contribution everywhere.

    Args:
        entries: at least one; their heatmaps all of one shape [h, w], so that their cells compare.
        title: one line.
        caption: any length; it is wrapped.

    Returns:
        uint8 [height, width, 3] RGB; the height follows from the number of entries and the length of the caption.

    Raises:
        UsageError: no entries, heatmaps of several shapes, or a heatmap with a value that is not finite.
    """
    limit = shared_limit([entry.heatmap for entry in entries])
    height, width = entries[0].heatmap.shape
    notes = [
        caption,
        "",
        f"Left: the image.  Right: what the model saw, tinted by its {height} × {width} cells (smoothed).",
        "Σ is the sum of the cells: the logit less the bias.  Cells beyond the scale keep its end's colour.",
    ]
    return draw_image_grid(
        title,
        notes,
        [Section(None, [_cell(entry, limit) for entry in entries])],
        columns=COLUMNS,
        tile=TILE,
        enlarge=cv2.INTER_CUBIC,
        legend=_legend(limit),
    )


def shared_limit(heatmaps: Sequence[NDArray[np.float32]]) -> float:
    """The contribution at which the colour is full: the 98th percentile of all cells' absolute values.

    A percentile, because one extreme cell would bleach every other map; of two digits, so that the number printed on
    the scale is the number used. 1 where all cells are 0.

    Raises:
        UsageError: no heatmaps, several shapes, or a value that is not finite.
    """
    if not heatmaps:
        raise UsageError("A contact sheet needs at least one entry, and none was given. Pass some images.")
    shapes = sorted({heatmap.shape for heatmap in heatmaps})
    if len(shapes) > 1:
        raise UsageError(f"Heatmaps of one shape share a colour scale, these have {shapes}. Draw a sheet for each.")
    cells = np.abs(np.stack(heatmaps))
    if not np.isfinite(cells).all():
        raise UsageError("A heatmap has a value that is not finite. Check the model with crbl-parity.")
    return float(f"{np.percentile(cells, 98):.2g}") or float(f"{cells.max():.2g}") or 1.0


def overlay(view: NDArray[np.uint8], heatmap: NDArray[np.float32], limit: float, side: int) -> NDArray[np.uint8]:
    """Tint a greyed view: red where cells push towards anomaly, blue towards normal, untouched where they do neither.

    Args:
        view: uint8 [S, S, 3] RGB.
        heatmap: float32 [h, w], contributions to the logit.
        limit: the absolute contribution at which the tint is strongest; beyond it stays there.
        side: width and height of the result in pixels.

    Returns:
        uint8 [side, side, 3] RGB.
    """
    large = cv2.resize(view, (side, side), interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    # Linear: a cubic rings, and would paint blue around a red cell where the model has none.
    share = cv2.resize(heatmap / limit, (side, side), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    return tinted(grey(large), share)


def _legend(limit: float) -> Legend:
    share = np.tile(np.linspace(-1, 1, SCALE_WIDTH), (SCALE_HEIGHT, 1)).astype(np.float32)
    scale = tinted(np.full((SCALE_HEIGHT, SCALE_WIDTH, 3), 175, np.float32), share)
    beside = [Caption("contribution of a cell to the logit", at=-0.04, align="right")]
    below = [
        Caption("one scale for all images", at=-0.04, align="right", colour=FAINT_INK),
        Caption(_signed(f"{-limit:+.2g}")),
        Caption("normal", at=0.25, align="center", colour=BLUE_INK),
        Caption("0", at=0.5, align="center"),
        Caption("anomaly", at=0.75, align="center", colour=RED_INK),
        Caption(_signed(f"{limit:+.2g}"), at=1, align="right"),
    ]
    return Legend(scale, (beside, below))


def _cell(entry: SheetEntry, limit: float) -> Cell:
    colour = RIGHT if entry.correct else WRONG
    truth = textwrap.shorten(f"truth: {entry.truth}", 29, placeholder="…")
    contribution = _signed(f"Σ {float(entry.heatmap.sum()):+.2f}")
    decision = "anomaly" if entry.decision else "normal"
    verdict = "✓ right" if entry.correct else "✗ wrong"
    lines = [
        [Caption(truth, bold=True, size=14), Caption(contribution, at=2, align="right", colour=FAINT_INK)],
        [
            Caption(f"p crop {probability_text(entry.probability_crop)}"),
            Caption(f"p full {probability_text(entry.probability_full)}", at=1),
        ],
        [
            Caption(f"decided {decision}", colour=colour, bold=True, size=14),
            Caption(verdict, at=2, align="right", colour=colour, bold=True, size=14),
        ],
    ]
    return Cell([entry.image, overlay(entry.heatmap_view, entry.heatmap, limit, TILE)], lines, colour)


def _signed(number: str) -> str:
    return number.replace("-", "−", 1)
