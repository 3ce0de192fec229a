"""A sheet of images in a grid, with a title, headings, captions, frames and a legend.

All lengths are pixels of the sheet.
"""

import logging
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from numpy.typing import NDArray

from crbl_runtime.atomic_file import write_bytes

MARGIN = 20
GAP = 14  # between cells
PADDING = 10  # between a cell's edge and its images
LINE = 21
TITLE_HEIGHT = 50
HEADING_HEIGHT = 38
CHARACTER_WIDTH = 8  # of the notes, for wrapping them
DOTS_PER_INCH, POINTS_PER_INCH = 100, 72

PAPER, INK, FAINT_INK, FAINT_FRAME = "#f4f4f1", "#1d1d1f", "#66666b", "#d4d4cf"
TILE_BACKGROUND = 250
# DejaVu Sans comes with matplotlib; the others have the Hangul that it lacks, on Windows, Linux and macOS.
FONTS = ("DejaVu Sans", "Malgun Gothic", "Noto Sans CJK KR", "NanumGothic", "Apple SD Gothic Neo")

# Of a font that has no bold the nearest weight is taken, which nobody need be told.
logging.getLogger("matplotlib.font_manager").addFilter(lambda record: "find font weight" not in record.msg)

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Caption:
    """Words on one line.

    Attributes:
        text: a box stands for each character that no installed font has.
        at: where the words stand, in images: 0 is the left end of the first, 1.5 the middle of the second one.
        align: which part of the words stands there.
        colour: of the letters, as matplotlib takes it. bold: their weight. size: their height.
    """

    text: str
    at: float = 0.0
    align: Literal["left", "center", "right"] = "left"
    colour: str = INK
    bold: bool = False
    size: int = 13


@dataclass(frozen=True)
class Cell:
    """Images side by side, lines of captions below them, and a frame around both.

    Attributes:
        images: uint8 [H, W, 3] RGB of any size; each is fitted to a square tile in its own proportions.
        lines: captions, line by line.
        frame: its colour, as matplotlib takes it.
    """

    images: Sequence[Image]
    lines: Sequence[Sequence[Caption]]
    frame: str = FAINT_FRAME


@dataclass(frozen=True)
class Section:
    """Cells that belong together; a heading of None is left out."""

    heading: str | None
    cells: Sequence[Cell]


@dataclass(frozen=True)
class Legend:
    """What the colours mean: an image, uint8 [h, w, 3] RGB, a line of captions beside it, and one below it."""

    image: Image
    lines: tuple[Sequence[Caption], Sequence[Caption]]


def draw_image_grid(
    title: str,
    notes: Sequence[str],
    sections: Sequence[Section],
    *,
    columns: int,
    tile: int,
    enlarge: int = cv2.INTER_NEAREST,
    legend: Legend | None = None,
) -> Image:
    """Draw a sheet.

    Args:
        title: one line. notes: below it, wrapped; each begins a line of its own.
        sections: from the top; each begins a new row of cells. All cells have as much room as the largest one needs.
        columns: cells in a row. tile: side of the square that an image is fitted to.
        enlarge: OpenCV's interpolation for an image that is smaller than its tile; larger ones are averaged.
        legend: at the right end of the last two notes.

    Returns:
        uint8 [height, width, 3] RGB. The width follows from `columns`, `tile` and the most images in a cell.
    """
    cells = [cell for section in sections for cell in section.cells]
    room = _room(cells, tile)
    width = columns * (room.width + GAP) - GAP + 2 * MARGIN
    wrapped = [textwrap.wrap(note, (width - 2 * MARGIN) // CHARACTER_WIDTH) or [""] for note in notes]
    lines = [line for note in wrapped for line in note]
    header_height = TITLE_HEIGHT + len(lines) * LINE + GAP
    headings, corners, bottom = _places(sections, columns, room, header_height)
    figure = Figure((width / DOTS_PER_INCH, (bottom + MARGIN - GAP) / DOTS_PER_INCH), DOTS_PER_INCH, facecolor=PAPER)
    canvas: Any = FigureCanvasAgg(figure)

    _write(figure, Caption(title, bold=True, size=25), MARGIN, 38)
    for index, line in enumerate(lines):
        _write(figure, Caption(line, colour=FAINT_INK, size=14), MARGIN, TITLE_HEIGHT + 16 + index * LINE)
    for heading, top in headings:
        _write(figure, Caption(heading, bold=True, size=17), MARGIN, top + 22)
    images = []
    if legend is not None:
        left, top = width - MARGIN - legend.image.shape[1], header_height - GAP - 2 * LINE + 4
        _write_legend(figure, legend, left, top)
        images.append((legend.image, left, top))
    for cell, (left, top) in zip(cells, corners, strict=True):
        _write_cell(figure, cell, room, left, top)
        images += [
            (_fitted(image, tile, enlarge), left + round(room.x(number)), top + PADDING)
            for number, image in enumerate(cell.images)
        ]
    canvas.draw()
    # Images are laid into the drawn sheet pixel by pixel: matplotlib would resample them.
    sheet: Image = np.asarray(canvas.buffer_rgba())[..., :3].copy()
    for image, left, top in images:
        _paste(sheet, image, left, top)
    return sheet


def write_png(path: Path, sheet: Image) -> None:
    """Write a sheet, uint8 [H, W, 3] RGB, as PNG."""
    write_bytes(path, png_bytes(sheet))


def png_bytes(sheet: Image) -> bytes:
    """A sheet, uint8 [H, W, 3] RGB, as the content of a PNG file."""
    return cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))[1].tobytes()


@dataclass(frozen=True)
class _Room:
    """The room that every cell of a sheet has: `tiles` square tiles of side `tile`, and `lines` lines of captions."""

    tile: int
    tiles: int
    lines: int

    @property
    def width(self) -> int:
        return PADDING + self.tiles * (self.tile + PADDING)

    @property
    def height(self) -> int:
        return PADDING + self.tile + self.lines * LINE + PADDING

    def x(self, at: float) -> float:
        """A place in images (see `Caption`), in pixels from the cell's left edge."""
        return PADDING + at * self.tile + min(int(at), self.tiles - 1) * PADDING


def _room(cells: Sequence[Cell], tile: int) -> _Room:
    tiles = max((len(cell.images) for cell in cells), default=1)
    return _Room(tile, tiles, max((len(cell.lines) for cell in cells), default=0))


def _places(
    sections: Sequence[Section], columns: int, room: _Room, top: int
) -> tuple[list[tuple[str, int]], list[tuple[int, int]], int]:
    """Headings with their tops, the left and top of every cell, and where the last row and its gap end."""
    headings, corners = [], []
    for section in sections:
        if section.heading is not None:
            headings.append((section.heading, top))
            top += HEADING_HEIGHT
        for index in range(len(section.cells)):
            row, column = divmod(index, columns)
            corners.append((MARGIN + column * (room.width + GAP), top + row * (room.height + GAP)))
        top += -(-len(section.cells) // columns) * (room.height + GAP)
    return headings, corners, top


def _write_legend(figure: Figure, legend: Legend, left: int, top: int) -> None:
    for number, captions in enumerate(legend.lines):
        for caption in captions:
            _write(figure, caption, left + caption.at * legend.image.shape[1], top + 12 + number * LINE)


def _write_cell(figure: Figure, cell: Cell, room: _Room, left: int, top: int) -> None:
    box = FancyBboxPatch(
        (left + 1.5, figure.bbox.height - top - room.height + 1.5),
        room.width - 3,
        room.height - 3,
        boxstyle="round,pad=0,rounding_size=7",
        transform=None,  # display pixels, counted from the bottom
        facecolor="white",
        edgecolor=cell.frame,
        linewidth=2.2,
    )
    figure.add_artist(box)
    for number, captions in enumerate(cell.lines, start=1):
        for caption in captions:
            _write(figure, caption, left + room.x(caption.at), top + PADDING + room.tile + number * LINE - 2)


def _write(figure: Figure, caption: Caption, x: float, baseline: float) -> None:
    figure.text(
        x / figure.bbox.width,
        1 - baseline / figure.bbox.height,
        drawable(caption.text),
        size=caption.size * POINTS_PER_INCH / DOTS_PER_INCH,
        color=caption.colour,
        weight="bold" if caption.bold else "normal",
        ha=caption.align,
        va="baseline",
        family=installed_fonts(),
        # A dollar sign in a caller's words is a dollar sign, not the start of a formula.
        parse_math=False,
    )


def drawable(text: str) -> str:
    """The text with a box in the place of each character that none of the `installed_fonts` has."""
    return "".join(character if ord(character) in _characters() else "□" for character in text)


@cache
def installed_fonts() -> list[str]:
    """Those of FONTS that are there, the first one first."""
    installed = font_manager.get_font_names()
    return [name for name in FONTS if name in installed]


@cache
def _characters() -> frozenset[int]:
    """The code points that the installed ones of FONTS can draw."""
    charmaps = (font_manager.get_font(font_manager.findfont(font)).get_charmap() for font in installed_fonts())
    return frozenset(code for charmap in charmaps for code in charmap)


def _fitted(image: Image, tile: int, enlarge: int) -> Image:
    """The image in its own proportions, centred on a square tile."""
    scale = tile / max(image.shape[:2])
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    fitted = cv2.resize(image, (width, height), interpolation=enlarge if scale > 1 else cv2.INTER_AREA)
    square = np.full((tile, tile, 3), TILE_BACKGROUND, np.uint8)
    _paste(square, fitted.astype(np.uint8), (tile - width) // 2, (tile - height) // 2)
    return square


def _paste(sheet: Image, image: Image, left: int, top: int) -> None:
    sheet[top : top + image.shape[0], left : left + image.shape[1]] = image
