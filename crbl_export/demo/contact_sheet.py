"""One PNG that shows what the models decided on some images, and which parts of each image made the score."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from numpy.typing import NDArray

from crbl_runtime.atomic_file import write_bytes
from crbl_runtime.errors import UsageError

# All lengths are pixels of the sheet.
WIDTH = 1400
COLUMNS = 4
MARGIN = 20
GAP = 14
CARD_WIDTH = (WIDTH - 2 * MARGIN - (COLUMNS - 1) * GAP) // COLUMNS
PADDING = 10
TILE = (CARD_WIDTH - 3 * PADDING) // 2
CARD_HEIGHT = PADDING + TILE + 82
SCALE_WIDTH, SCALE_HEIGHT = 300, 16
POINTS_PER_PIXEL = 0.72  # at the sheet's 100 dots per inch

PAPER, INK, FAINT_INK = "#f4f4f1", "#1d1d1f", "#66666b"
RIGHT, WRONG = "#1f8a4c", "#cf2e2e"
BLUE_INK, RED_INK = "#1654b8", "#b8151c"
TOWARDS_ANOMALY = np.array([214, 24, 32], np.float32)
TOWARDS_NORMAL = np.array([22, 92, 214], np.float32)
TILE_BACKGROUND = 250


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
    sheet = draw_contact_sheet(entries, title, caption)
    write_bytes(path, cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))[1].tobytes())


def draw_contact_sheet(entries: Sequence[SheetEntry], title: str, caption: str) -> NDArray[np.uint8]:
    """Draw a card per entry: the image, what the model saw under its heatmap, and the decision.

    All heatmaps share one symmetric colour scale, so that the same colour means the same contribution on every card.

    Args:
        entries: at least one; their heatmaps all of one shape [h, w], so that their cells compare.
        title: one line.
        caption: any length; it is wrapped.

    Returns:
        uint8 [height, 1400, 3] RGB; the height follows from the number of entries.

    Raises:
        UsageError: no entries, heatmaps of several shapes, or a heatmap with a value that is not finite.
    """
    limit = shared_limit([entry.heatmap for entry in entries])
    caption_lines = textwrap.wrap(caption, 175)
    header_height = 66 + 20 * len(caption_lines) + 62
    rows = -(-len(entries) // COLUMNS)
    height = header_height + rows * (CARD_HEIGHT + GAP) + MARGIN - GAP
    figure = Figure(figsize=(WIDTH / 100, height / 100), dpi=100, facecolor=PAPER)
    canvas = FigureCanvasAgg(figure)

    _write(figure, MARGIN, 40, title, 25, weight="bold")
    for index, line in enumerate(caption_lines):
        _write(figure, MARGIN, 68 + 20 * index, line, 14, colour=FAINT_INK)
    legend_top = header_height - 56
    _write_legend(figure, legend_top, entries[0].heatmap.shape, limit)
    corners = [
        (MARGIN + (index % COLUMNS) * (CARD_WIDTH + GAP), header_height + (index // COLUMNS) * (CARD_HEIGHT + GAP))
        for index in range(len(entries))
    ]
    for entry, (left, top) in zip(entries, corners, strict=True):
        _write_card(figure, entry, left, top)
    canvas.draw()

    # Images are laid into the drawn sheet pixel by pixel: matplotlib would resample them.
    sheet = np.asarray(canvas.buffer_rgba())[..., :3].copy()
    _paste(sheet, _colour_scale(), WIDTH - MARGIN - SCALE_WIDTH, legend_top)
    for entry, (left, top) in zip(entries, corners, strict=True):
        _paste(sheet, _fitted(entry.image), left + PADDING, top + PADDING)
        _paste(sheet, overlay(entry.heatmap_view, entry.heatmap, limit, TILE), left + 2 * PADDING + TILE, top + PADDING)
    return sheet


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
    large = cv2.resize(view, (side, side), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    grey = large @ np.array([0.299, 0.587, 0.114], np.float32)
    # Linear: a cubic rings, and would paint blue around a red cell where the model has none.
    share = cv2.resize(heatmap / limit, (side, side), interpolation=cv2.INTER_LINEAR)
    return _tinted(np.repeat((0.8 * grey + 38)[..., None], 3, axis=2), share)


def _tinted(grey: NDArray[np.float32], share: NDArray[np.float32]) -> NDArray[np.uint8]:
    share = np.clip(share, -1, 1)[..., None]
    colour = np.where(share > 0, TOWARDS_ANOMALY, TOWARDS_NORMAL)
    return np.round(grey + (colour - grey) * 0.72 * np.abs(share)).astype(np.uint8)


def _colour_scale() -> NDArray[np.uint8]:
    share = np.tile(np.linspace(-1, 1, SCALE_WIDTH, dtype=np.float32), (SCALE_HEIGHT, 1))
    return _tinted(np.full((SCALE_HEIGHT, SCALE_WIDTH, 3), 175, np.float32), share)


def _fitted(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The image in its own proportions, centred on a tile."""
    scale = TILE / max(image.shape[:2])
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    tile = np.full((TILE, TILE, 3), TILE_BACKGROUND, np.uint8)
    fitted = cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA)
    _paste(tile, fitted, (TILE - width) // 2, (TILE - height) // 2)
    return tile


def _paste(sheet: NDArray[np.uint8], tile: NDArray[np.uint8], left: int, top: int) -> None:
    sheet[top : top + tile.shape[0], left : left + tile.shape[1]] = tile


def _write_legend(figure: Figure, top: int, cells: tuple[int, ...], limit: float) -> None:
    first, second, left = top + 12, top + SCALE_HEIGHT + 15, WIDTH - MARGIN - SCALE_WIDTH
    reading = f"Left: the image.  Right: what the model saw, tinted by its {cells[0]} × {cells[1]} cells (smoothed)."
    _write(figure, MARGIN, first, reading, 14, colour=FAINT_INK)
    summing = "Σ is the sum of the cells: the logit less the bias.  Cells beyond the scale keep its end's colour."
    _write(figure, MARGIN, second, summing, 14, colour=FAINT_INK)
    _write(figure, left - 12, first, "contribution of a cell to the logit", 13, align="right")
    _write(figure, left - 12, second, "one scale for all cards", 13, colour=FAINT_INK, align="right")
    _write(figure, left, second, _signed(f"{-limit:+.2g}"), 13)
    _write(figure, left + 0.25 * SCALE_WIDTH, second, "normal", 13, colour=BLUE_INK, align="center")
    _write(figure, left + 0.5 * SCALE_WIDTH, second, "0", 13, align="center")
    _write(figure, left + 0.75 * SCALE_WIDTH, second, "anomaly", 13, colour=RED_INK, align="center")
    _write(figure, left + SCALE_WIDTH, second, _signed(f"{limit:+.2g}"), 13, align="right")


def _write_card(figure: Figure, entry: SheetEntry, left: int, top: int) -> None:
    colour = RIGHT if entry.correct else WRONG
    _frame(figure, left, top, CARD_WIDTH, CARD_HEIGHT, colour)
    middle = left + 2 * PADDING + TILE
    baseline = top + PADDING + TILE + 20
    decision = "anomaly" if entry.decision else "normal"
    verdict = "✓ right" if entry.correct else "✗ wrong"
    right = left + CARD_WIDTH - PADDING
    truth = textwrap.shorten(f"truth: {entry.truth}", 29, placeholder="…")
    contribution = _signed(f"Σ {float(entry.heatmap.sum()):+.2f}")
    _write(figure, left + PADDING, baseline, truth, 14, weight="bold")
    _write(figure, right, baseline, contribution, 13, colour=FAINT_INK, align="right")
    _write(figure, left + PADDING, baseline + 22, f"p crop {_probability(entry.probability_crop)}", 13)
    _write(figure, middle, baseline + 22, f"p full {_probability(entry.probability_full)}", 13)
    _write(figure, left + PADDING, baseline + 45, f"decided {decision}", 14, colour=colour, weight="bold")
    _write(figure, right, baseline + 45, verdict, 14, colour=colour, weight="bold", align="right")


def _probability(value: float) -> str:
    """Four digits, and never a 0 or a 1 that is none."""
    if 0 < value < 0.0001:
        return "< 0.0001"
    if 0.9999 < value < 1:
        return "> 0.9999"
    return f"{value:.4f}"


def _signed(number: str) -> str:
    return number.replace("-", "−", 1)


def _write(
    figure: Figure,
    x: float,
    baseline: float,
    text: str,
    pixels: float,
    *,
    colour: str = INK,
    weight: str = "normal",
    align: str = "left",
) -> None:
    width, height = figure.bbox.width, figure.bbox.height
    style = {"size": pixels * POINTS_PER_PIXEL, "color": colour, "weight": weight, "ha": align, "va": "baseline"}
    # A dollar sign in a caller's words is a dollar sign, not the start of a formula.
    figure.text(x / width, 1 - baseline / height, text, family="DejaVu Sans", parse_math=False, **style)


def _frame(figure: Figure, left: int, top: int, width: int, height: int, colour: str) -> None:
    box = FancyBboxPatch(
        (left + 1.5, figure.bbox.height - top - height + 1.5),
        width - 3,
        height - 3,
        boxstyle="round,pad=0,rounding_size=7",
        transform=None,  # display pixels, counted from the bottom
        facecolor="white",
        edgecolor=colour,
        linewidth=2.2,
    )
    figure.add_artist(box)
