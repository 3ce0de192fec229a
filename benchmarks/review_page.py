"""How quick the review page is with many images: until they are seen, at each move of the slider, and when scrolled.

    python benchmarks/review_page.py [--images 5000] [--page REPORT.html]

Without --page it makes one with two models, whose pictures are of the size that crbl-predict writes. It needs
playwright and a Chromium (--chromium). All times are wall time in a new browser: run it on a machine that does nothing
else.
"""

import os
import shutil
import tempfile
from pathlib import Path
from statistics import median

import click
import cv2
import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page, sync_playwright

from crbl_runtime.report.picture import Picture
from crbl_runtime.report.review_page import write_review_page
from crbl_runtime.report.reviewed import ReviewedImage, ReviewedModel
from crbl_runtime.report.webp import PICTURE_SIDE, to_webp
from crbl_training.checkpoint import LABELS
from crbl_training.evaluation.review import MeasuredPrediction

DISTINCT_PICTURES = 300
CELLS = 4
ROUNDS = 5
WINDOW = {"width": 1280, "height": 900}

# Notes when the first tiles have their pictures and a frame with them was drawn.
FIRST_TILES = """
const look = async () => {
  const pictures = [...document.querySelectorAll(".tile img")];
  if (pictures.length === 0) return requestAnimationFrame(look);
  await Promise.all(pictures.map((picture) => picture.decode()));
  requestAnimationFrame(() => setTimeout(() => { window.firstTiles = performance.now(); }));
};
addEventListener("DOMContentLoaded", look);
"""
# From the event to the end of the frame that shows its effect.
SLIDER_MOVES = """async () => {
  const slider = document.querySelector(".slider");
  const times = [];
  for (let move = 0; move < 100; move += 1) {
    await new Promise(requestAnimationFrame);
    const start = performance.now();
    slider.value = -6 + 0.1 * move;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    await new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)));
    times.push(performance.now() - start);
  }
  return times;
}"""
SCROLLED_FRAMES = """async () => {
  const times = [];
  let before = await new Promise(requestAnimationFrame);
  for (let frame = 0; frame < 200; frame += 1) {
    scrollBy(0, 200);
    const now = await new Promise(requestAnimationFrame);
    times.push(now - before);
    before = now;
  }
  return times;
}"""


@click.command()
@click.option("--images", default=5000, show_default=True)
@click.option(
    "--page", "given", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A page that exists."
)
@click.option("--chromium", default=lambda: shutil.which("chromium") or "chromium", help="The browser's program.")
def main(images: int, given: Path | None, chromium: str) -> None:
    """Measure a page in several new browsers and print the medians."""
    with tempfile.TemporaryDirectory() as folder:
        page = given or _made_page(Path(folder) / "report.html", images)
        print(f"{page.stat().st_size / 1e6:.1f} MB, {os.cpu_count()} cores")
        rounds = [_measure(page, chromium) for _ in range(ROUNDS)]
    for name in rounds[0]:
        values = [each[name] for each in rounds]
        print(f"{name:58} {median(values):9.1f}   ({min(values):.1f} to {max(values):.1f})")


def _measure(path: Path, chromium: str) -> dict[str, float]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport=WINDOW)
        page.add_init_script(FIRST_TILES)
        page.goto(path.as_uri())
        page.wait_for_function("window.firstTiles !== undefined")
        first = page.evaluate("window.firstTiles")
        moves, frames = page.evaluate(SLIDER_MOVES), page.evaluate(SCROLLED_FRAMES)
        elements = page.locator("img").count()
        memory = _memory(page)
        browser.close()
    return {
        "ms until the first tiles are seen": first,
        "ms of a move of the slider, median": median(moves),
        "ms of a move of the slider, 95th percentile": float(np.percentile(moves, 95)),
        "ms of a frame while scrolled, median": median(frames),
        "ms of a frame while scrolled, longest": max(frames),
        "pictures in the document": elements,
        "MB of JavaScript": memory,
    }


def _memory(page: Page) -> float:
    return float(page.evaluate("performance.memory.usedJSHeapSize")) / 1e6


def _made_page(path: Path, images: int) -> Path:
    random = np.random.default_rng(0)
    labels = (random.random(images) < 0.1).astype(int)
    pictures = [_picture(random) for _ in range(DISTINCT_PICTURES)]
    kilobytes = np.mean([len(picture.webp) for picture in pictures]) / 1000
    print(f"{images} images, a picture has {kilobytes:.1f} kB on average")
    models = [ReviewedModel(name, f"{name}.onnx", LABELS, 0.5, "f1", "cpu", None) for name in ("crop", "full")]
    predictions = zip(*(_predictions(labels, random) for _ in models), strict=True)
    shown = [
        ReviewedImage(
            Path(f"/data/line {number % 7}/part_{number:05}.jpg"),
            of_models,
            pictures[number % len(pictures)],
            label=int(labels[number]),
        )
        for number, of_models in enumerate(predictions)
    ]
    write_review_page(path, "crop.onnx + full.onnx", models, shown, costs=(50, 1))
    return path


def _predictions(labels: NDArray[np.int64], random: np.random.Generator) -> list[MeasuredPrediction]:
    logits = random.normal(np.where(labels == 1, 2, -4), 2).astype(np.float32)
    probabilities = (1 / (1 + np.exp(-logits))).astype(np.float32)
    cells = random.normal(0, 0.2, (len(labels), CELLS, CELLS)).astype(np.float32)
    return [
        MeasuredPrediction(float(probability), float(logit), None, True, (100, 80, 400, 300), heatmap)
        for probability, logit, heatmap in zip(probabilities, logits, cells, strict=True)
    ]


def _picture(random: np.random.Generator) -> Picture:
    """As photographs have them: shapes of all sizes, and some noise."""
    height = PICTURE_SIDE * 3 // 4
    pixels = np.full((height, PICTURE_SIDE, 3), 200.0)
    for scale in (4, 12, 40):
        coarse = random.normal(0, 28, (height // scale + 2, PICTURE_SIDE // scale + 2, 3))
        pixels += cv2.resize(coarse, (PICTURE_SIDE, height), interpolation=cv2.INTER_CUBIC)
    return Picture(to_webp(np.clip(pixels, 0, 255).astype(np.uint8)), (640, 480))


if __name__ == "__main__":
    main()
