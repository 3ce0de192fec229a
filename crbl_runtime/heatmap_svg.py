"""A heatmap alone, as SVG: its cells in the colours of the overlay, each with its value, and the scale below."""

import numpy as np
from numpy.typing import NDArray

from crbl_runtime.heatmap_overlay import full_colour, tinted

CELL = 44
# Cells of larger maps are smaller, and have their value as a tooltip alone.
WIDEST_WITH_NUMBERS = 10
SMALL_CELL = 16
SCALE_STEPS, SCALE_HEIGHT, SCALE_WIDTH = 44, 10, 220
LINE = 16
NEUTRAL = 175
# Letters are dark on cells that are lighter than this, as luminance of 0 to 255.
LIGHT = 125
FONT = "font-family:sans-serif;font-variant-numeric:tabular-nums"


def heatmap_svg(heatmap: NDArray[np.float32]) -> str:
    """The map as one SVG element; colours, and where they are full, are those of `draw_overlay`.

    Args:
        heatmap: float32 [h, w], each cell's contribution to the logit.
    """
    rows, columns = heatmap.shape
    cell = CELL if columns <= WIDEST_WITH_NUMBERS else SMALL_CELL
    limit = full_colour(heatmap)
    colours = _colours(heatmap / limit)
    cells = [
        _cell(row, column, cell, float(heatmap[row, column]), colours[row, column])
        for row in range(rows)
        for column in range(columns)
    ]
    width, height = max(columns * cell, SCALE_WIDTH), rows * cell
    label = f"Heatmap of {rows} by {columns} cells, which add up to {heatmap.sum(dtype=np.float64):+.4f}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height + 12 + SCALE_HEIGHT + LINE}" '
        f'role="img" aria-label="{label}" style="{FONT}">{"".join(cells)}{_scale(limit, height + 12)}</svg>'
    )


def _cell(row: int, column: int, side: int, value: float, colour: NDArray[np.uint8]) -> str:
    x, y = column * side, row * side
    number = ""
    if side == CELL:
        ink = "#000" if colour @ np.array([0.299, 0.587, 0.114]) > LIGHT else "#fff"
        middle = f'x="{x + side / 2:g}" y="{y + side / 2 + 4:g}"'
        number = f'<text {middle} text-anchor="middle" font-size="11" fill="{ink}">{value:+.2f}</text>'
    tooltip = f"<title>row {row + 1}, column {column + 1}: {value:+.6f}</title>"
    square = f'<rect x="{x}" y="{y}" width="{side}" height="{side}" fill="{_hex(colour)}"/>'
    return f"<g>{tooltip}{square}{number}</g>"


def _scale(limit: float, top: int) -> str:
    """Which colour means which contribution."""
    colours = _colours(np.linspace(-1, 1, SCALE_STEPS, dtype=np.float32)[None])[0]
    step = SCALE_WIDTH // SCALE_STEPS
    steps = "".join(
        f'<rect x="{step * number}" y="{top}" width="{step}" height="{SCALE_HEIGHT}" fill="{_hex(colour)}"/>'
        for number, colour in enumerate(colours)
    )
    words = ((0, "start", f"{-limit:.2g} normal"), (0.5, "middle", "0"), (1, "end", f"anomaly +{limit:.2g}"))
    below = f'y="{top + SCALE_HEIGHT + 12}" font-size="11" fill="currentColor"'
    texts = "".join(
        f'<text x="{place * SCALE_WIDTH:g}" {below} text-anchor="{anchor}">{word}</text>'
        for place, anchor, word in words
    )
    return steps + texts


def _colours(share: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Of cells, float32 [h, w], as uint8 [h, w, 3] RGB."""
    return tinted(np.full((*share.shape, 3), NEUTRAL, np.float32), share)


def _hex(colour: NDArray[np.uint8]) -> str:
    return "#" + bytes(colour.tolist()).hex()
