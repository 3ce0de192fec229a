"""Heatmaps lie over the part of the image that the network saw, in the colours of the overlays, and add up."""

import base64
import io
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from crbl_runtime.heatmap_overlay import FULL_COLOUR_LOGIT, STRONGEST_TINT, TOWARDS_ANOMALY, TOWARDS_NORMAL
from report_pages.shown_review import Shown
from review_pages import BIASES, COLUMNS, ROWS, MadeReview

if TYPE_CHECKING:
    from playwright.sync_api import Locator

expect = pytest.importorskip("playwright.sync_api").expect


def cells_of(review: MadeReview, variant: str, image: int) -> NDArray[np.float32]:
    (model,) = (model for model in review.data["models"] if model["variant"] == variant)
    cells = np.frombuffer(base64.b64decode(model["heatmap"]["cells"]), "<f4")
    return cells.reshape(-1, ROWS, COLUMNS)[image]


def drawn_on(canvas: "Locator") -> NDArray[np.uint8]:
    """RGBA uint8 [rows, columns, 4]."""
    png = base64.b64decode(canvas.evaluate("canvas => canvas.toDataURL()").partition(",")[2])
    return np.array(Image.open(io.BytesIO(png)).convert("RGBA"))


def require_place(part: "Locator", picture: "Locator", box: list[int], size: tuple[int, int]) -> None:
    found, whole = part.bounding_box(), picture.bounding_box()
    assert found is not None
    assert whole is not None
    scale = whole["width"] / size[0]
    assert whole["height"] == pytest.approx(size[1] * scale, abs=0.5)
    expected = [whole["x"] + box[0] * scale, whole["y"] + box[1] * scale, box[2] * scale, box[3] * scale]
    assert [found["x"], found["y"], found["width"], found["height"]] == pytest.approx(expected, abs=0.5)


def test_a_tile_has_the_colours_of_the_cells_over_the_box(review: MadeReview, shown: Shown) -> None:
    for variant in ("crop", "full"):
        shown.page.get_by_label("Model of the heatmap").select_option(label=f"of {variant}")
        for image in review.by_margin()[:4]:
            canvas = shown.tile(image).locator("canvas")
            pixels = drawn_on(canvas)
            cells = cells_of(review, variant, image)
            share = np.clip(np.abs(cells) * cells.size / FULL_COLOUR_LOGIT, 0, 1)
            assert pixels[..., 3] == pytest.approx(255 * STRONGEST_TINT * share, abs=1.5)
            # What is hardly there has hardly a colour.
            strong = share > 0.5
            colours = np.where(cells[..., None] > 0, TOWARDS_ANOMALY, TOWARDS_NORMAL)
            assert pixels[strong][:, :3] == pytest.approx(colours[strong], abs=2)
            box = review.data["models"][("crop", "full").index(variant)]["boxes"][image]
            require_place(canvas, shown.tile(image).locator(".picture"), box, review.data["sizes"][image])


def test_both_models_are_side_by_side_and_their_cells_add_up_to_their_logits(review: MadeReview, shown: Shown) -> None:
    image = review.by_margin()[0]
    place = review.predicted.tolist().index(image)
    shown.tile(image).locator(".open").click()
    detail = shown.page.locator("dialog.detail")
    lefts = []
    for number, variant in enumerate(("crop", "full")):
        part = detail.locator(f"[data-model={variant}]")
        cells, logit = cells_of(review, variant, image), float(review.logits[variant][place])
        values = part.locator(".cell-sum data").evaluate_all("all => all.map(each => Number(each.value))")
        assert values == pytest.approx([float(cells.astype(np.float64).sum()), BIASES[variant], logit], abs=1e-5)
        assert values[0] + values[1] == pytest.approx(values[2], abs=1e-12)
        shown_sum = " = ".join([f"cells {values[0]:.3f} + bias {values[1]:.3f}", f"logit {values[2]:.3f}"])
        assert part.locator(".cell-sum").inner_text() == shown_sum.replace("-", "−")
        for cell in (0, 6, 15):
            part.locator(f"[data-cell='{cell}']").hover()
            row, column = divmod(cell, COLUMNS)
            value = f"{cells[row, column]:+.3f}".replace("-", "−")
            expect(part.locator(".cell-readout")).to_have_text(f"row {row + 1}, column {column + 1}: {value}")
        assert part.locator(".cell-table td").count() == cells.size
        box, picture = review.data["models"][number]["boxes"][image], part.locator(".picture")
        for over in (part.locator(".cells"), part.locator(".box")):
            require_place(over, picture, box, review.data["sizes"][image])
        expect(part).to_contain_text(f"{review.probabilities[variant][place]:.4f}")
        lefts.append((part.bounding_box() or {})["x"])
    assert lefts[0] < lefts[1]
    expect(detail).to_contain_text(re.compile(r"Combined decision:\s*anomaly"))


def test_that_no_object_was_found_is_said(review: MadeReview, shown: Shown) -> None:
    (image,) = review.data["models"][0]["regionMissing"]
    shown.page.get_by_label("Search names").fill(review.data["paths"][image])
    shown.tile(image).locator(".open").click()
    expect(shown.page.locator("dialog.detail [data-model=crop]")).to_contain_text("No object was found")
    expect(shown.page.locator("dialog.detail [data-model=full]")).not_to_contain_text("No object was found")
