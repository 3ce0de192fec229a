"""An image with a heatmap over the part that the network saw."""

from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from crbl_runtime.errors import UsageError

if TYPE_CHECKING:
    from crbl_runtime.prediction import Prediction

TOWARDS_ANOMALY = np.array([214, 24, 32], np.float32)
TOWARDS_NORMAL = np.array([22, 92, 214], np.float32)
STRONGEST_TINT = 0.72

# A map of even cells, all in full colour, adds up to a logit of 8: a probability of 0.9997, or of 0.0003.
FULL_COLOUR_LOGIT = 8.0

# The longer side of the image in the result, in pixels: smaller images are enlarged by a whole number, larger reduced.
SMALLEST_SIDE = 480
LARGEST_SIDE = 1600

Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont

PAPER, INK, FAINT = (255, 255, 255), (26, 26, 26), (110, 110, 110)
RED_INK, BLUE_INK = (184, 21, 28), (22, 84, 184)
MARGIN, LINE, TEXT_SIZE = 12, 22, 15
SMALLEST_WIDTH = 480
SCALE_WIDTH, SCALE_HEIGHT = 220, 12


def full_colour(heatmap: NDArray[np.float32]) -> float:
    """The contribution of a cell at which its colour is full.

    It depends on the number of cells alone, so that the overlays of all images compare.
    """
    return FULL_COLOUR_LOGIT / heatmap.size


def draw_overlay(image: NDArray[np.uint8], prediction: "Prediction") -> NDArray[np.uint8]:
    """Draw a heatmap over the image that it is of, and what was decided below it.

    Inside the box the image is grey, and each cell is one flat tint: red where it speaks for an anomaly, blue where
    against, the stronger the more. Nothing is interpolated between cells: the model has one value for each of them.

    Args:
        image: uint8 [H, W, 3] RGB, as `decode` gives it.
        prediction: of this image, with a heatmap.

    Returns:
        uint8 [height, width, 3] RGB; the image is enlarged or reduced to a longer side of 480 to 1600 pixels.

    Raises:
        UsageError: the prediction has no heatmap.
    """
    if prediction.heatmap is None:
        raise UsageError("The prediction has no heatmap to draw. Export the model with crbl-export --heatmap.")
    height, width = image.shape[:2]
    scale = _scale(max(height, width))
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    resized = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    large = np.asarray(resized, np.uint8)
    limit = full_colour(prediction.heatmap)
    x, y, box_width, box_height = prediction.box
    left, right = _edges(x, box_width, scale, size[0])
    top, bottom = _edges(y, box_height, scale, size[1])
    seen = large[top:bottom, left:right]
    large[top:bottom, left:right] = tinted(grey(seen), _cells(prediction.heatmap / limit, *seen.shape[:2]))
    cv2.rectangle(large, (left, top), (right - 1, bottom - 1), INK, 1)
    return _with_caption(large, prediction, limit)


def grey(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """RGB uint8 [h, w, 3] as grey of less contrast, which colour shows on: float32 [h, w, 3], 38 to 242."""
    luminance = pixels.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    return np.repeat((0.8 * luminance + 38)[..., None], 3, axis=2)


def tinted(pixels: NDArray[np.float32], share: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Pixels, float32 [h, w, 3], tinted red where `share`, float32 [h, w], is above 0 and blue below; fully at 1."""
    share = np.clip(share, -1, 1)[..., None]
    colour = np.where(share > 0, TOWARDS_ANOMALY, TOWARDS_NORMAL)
    return np.round(pixels + (colour - pixels) * STRONGEST_TINT * np.abs(share)).astype(np.uint8)


def _scale(side: int) -> float:
    if side > LARGEST_SIDE:
        return LARGEST_SIDE / side
    return -(-SMALLEST_SIDE // side)


def _edges(start: int, length: int, scale: float, side: int) -> tuple[int, int]:
    """Where a box begins and ends in the scaled image: at least one pixel of it."""
    first = min(round(start * scale), side - 1)
    return first, max(min(round((start + length) * scale), side), first + 1)


def _cells(values: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Each cell's value for all of its pixels, float32 [height, width]."""
    rows = np.arange(height) * values.shape[0] // height
    columns = np.arange(width) * values.shape[1] // width
    return np.asarray(values[rows][:, columns], np.float32)


def _with_caption(picture: NDArray[np.uint8], prediction: "Prediction", limit: float) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    page = Image.new("RGB", (max(width, SMALLEST_WIDTH), height + 2 * LINE + 2 * MARGIN), PAPER)
    page.paste(Image.fromarray(picture), ((page.width - width) // 2, 0))
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(TEXT_SIZE)
    y = height + MARGIN
    _write_decision(draw, font, prediction, MARGIN, y)
    _draw_scale(page, draw, font, limit, page.width - MARGIN - SCALE_WIDTH, y)
    return np.asarray(page)


def _write_decision(draw: ImageDraw.ImageDraw, font: Font, prediction: "Prediction", x: int, y: int) -> None:
    assert prediction.heatmap is not None
    decision, colour = ("ANOMALY", RED_INK) if prediction.is_anomaly else ("normal", BLUE_INK)
    draw.text((x, y), decision, colour, font)
    x += round(draw.textlength(f"{decision}  ", font))
    sign = ">" if prediction.is_anomaly else "<="
    draw.text((x, y), f"p {prediction.probability:.4f} {sign} {prediction.threshold:g}", INK, font)
    rows, columns = prediction.heatmap.shape
    total = float(prediction.heatmap.sum())
    draw.text((MARGIN, y + LINE), f"{prediction.variant}: {rows} x {columns} cells add up to {total:+.2f}", FAINT, font)


def _draw_scale(page: Image.Image, draw: ImageDraw.ImageDraw, font: Font, limit: float, x: int, y: int) -> None:
    share = np.tile(np.linspace(-1, 1, SCALE_WIDTH, dtype=np.float32), (SCALE_HEIGHT, 1))
    scale = tinted(np.full((SCALE_HEIGHT, SCALE_WIDTH, 3), 175, np.float32), share)
    page.paste(Image.fromarray(scale), (x, y + (LINE - SCALE_HEIGHT) // 2 - 1))
    draw.text((x, y + LINE), f"{-limit:.2g} normal", BLUE_INK, font)
    draw.text((x + SCALE_WIDTH / 2, y + LINE), "0", FAINT, font, anchor="ma")
    draw.text((x + SCALE_WIDTH, y + LINE), f"anomaly +{limit:.2g}", RED_INK, font, anchor="ra")
