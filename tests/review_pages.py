"""Review pages with made images and scores, for tests and to look at; crbl_runtime/report/ makes those of users."""

import base64
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from crbl_runtime.report.page import filled_page

# Names that a page, a spreadsheet or a shell could take for something else than a name.
NAMES = (
    '"><img src=x onerror=alert(1)>.png',
    "<svg onload=alert(1)>.png",
    "<!-- &lt;b&gt; ]]>.png",
    "javascript:alert(1).png",
    "한글 이름.png",
    unicodedata.normalize("NFD", "한글 나눔.png"),  # As macOS has Hangul.
    'a,b "q".png',
    "line\nbreak.png",
    "no utf-8 \udcff.png",
    r"written out \udcff.png",
    r"written out \u005cudcff.png",
    "😀.png",
)
FOLDERS = ("", "부품/", "line <2>/")
KINDS = ("scratch", "<b>dent</b>")
SIZES = ((200, 150), (100, 100), (90, 240), (64, 48))
BIASES = {"crop": 1.25, "full": -0.5}
THRESHOLDS = {"crop": 0.01, "full": 0.5}
ROWS, COLUMNS = 4, 4
UNREADABLE_EACH = 20
PICTURES = 12


@dataclass(frozen=True)
class MadeReview:
    """What a page is filled with, and the same as arrays for the images that are predicted.

    Attributes:
        data: see report_pages/src/review/review_data.ts. pictures: WebP files.
        predicted: the numbers of the images that have a prediction, [P].
        labels: 0 or 1 [P], whether or not the page is told. logits, probabilities: float32 [P] for each variant.
    """

    data: dict[str, Any]
    pictures: list[bytes]
    predicted: NDArray[np.int64]
    labels: NDArray[np.int64]
    logits: dict[str, NDArray[np.float32]]
    probabilities: dict[str, NDArray[np.float32]]

    def write(self, path: Path) -> Path:
        """Write the page, and return where it is."""
        path.write_text(filled_page("crbl_runtime.report", "review.html", self.data, self.pictures), encoding="utf-8")
        return path

    def decisions(self, crop: float, full: float) -> dict[str, NDArray[np.int64]]:
        """1 for an anomaly, 0 for normal, [P], as crbl_runtime/decision.py has it: crop, full, and both."""
        thresholds = {"crop": crop, "full": full}
        of_models = {
            variant: (values.astype(np.float64) > thresholds[variant]).astype(np.int64)
            for variant, values in self.probabilities.items()
        }
        return of_models | {"combined": np.max(list(of_models.values()), axis=0)}

    def margins(self, crop: float = THRESHOLDS["crop"], full: float = THRESHOLDS["full"]) -> NDArray[np.float64]:
        """How far each predicted image is above its threshold in log odds, by the model for which that is most: [P]."""
        limits = {"crop": np.log(crop / (1 - crop)), "full": np.log(full / (1 - full))}
        return np.max([logits.astype(np.float64) - limits[variant] for variant, logits in self.logits.items()], axis=0)

    def by_margin(self) -> list[int]:
        """The numbers of the predicted images, as the page has them at first: the largest margin before."""
        return self.predicted[np.argsort(-self.margins(), kind="stable")].tolist()

    def paths(self) -> list[str]:
        """The whole path of each image."""
        return [self.data["folder"] + path for path in self.data["paths"]]


def made_review(
    folder: Path,
    images: int = 120,
    variants: Sequence[str] = ("crop", "full"),
    *,
    labelled: bool = True,
    heatmap: bool = True,
    names: Sequence[str] = NAMES,
    seed: int = 7,
) -> MadeReview:
    """A page of `images` images in `folder`, which need not exist; each twentieth of them is unreadable."""
    random = np.random.default_rng(seed)
    numbers = np.arange(images)
    unreadable = numbers % UNREADABLE_EACH == UNREADABLE_EACH - 1
    labels = (random.random(images) < 0.25).astype(np.int64)
    sizes = [(0, 0) if unreadable[number] else SIZES[number % len(SIZES)] for number in numbers]
    paths = [FOLDERS[number % len(FOLDERS)] + _name(number, names) for number in numbers]
    logits = {variant: _logits(random, labels) for variant in variants}
    probabilities = {variant: (1 / (1 + np.exp(-logits[variant]))).astype(np.float32) for variant in variants}
    models = [
        _model(variant, logits[variant], probabilities[variant], unreadable, sizes, heatmap, random)
        for variant in variants
    ]
    kinds = ["" if label == 0 else KINDS[number % len(KINDS)] for number, label in enumerate(labels)]
    data = {
        "schema": 1,
        "id": f"test-{seed}-{images}",
        "title": "crop.onnx + full.onnx: 부품 <line 2>",
        "created": "2025-03-28T09:30:00+09:00",
        "version": "0.1.0",
        "models": models,
        "folder": f"{folder}/",
        "paths": paths,
        "labels": labels.tolist() if labelled else None,
        "kinds": kinds if labelled else None,
        "errors": {str(number): f"{paths[number]}: the file is cut off." for number in numbers[unreadable]},
        "notes": {"0": ["its ICC profile was ignored"]},
        "sizes": sizes,
        "pictures": [-1 if unreadable[number] else int(number % PICTURES) for number in numbers],
        "defectRate": None,
        "costs": None,
        "remarks": ["2 files that are no images were left out: <notes>.txt"],
    }
    known = ~unreadable
    return MadeReview(
        data,
        [_picture(number, SIZES[number % len(SIZES)]) for number in range(PICTURES)],
        numbers[known],
        labels[known],
        {variant: logits[variant][known] for variant in variants},
        {variant: probabilities[variant][known] for variant in variants},
    )


def _name(number: int, names: Sequence[str]) -> str:
    return names[number] if number < len(names) else f"part_{number:04}.png"


def _logits(random: np.random.Generator, labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """Scores that tell most anomalies, some of which are equal to others."""
    scores = random.normal(np.where(labels == 1, 1.5, -3.0), 2.2)
    return np.where(np.arange(len(labels)) % 3 == 0, np.round(scores, 1), scores).astype(np.float32)


def _model(
    variant: str,
    logits: NDArray[np.float32],
    probabilities: NDArray[np.float32],
    unreadable: NDArray[np.bool_],
    sizes: Sequence[tuple[int, int]],
    heatmap: bool,
    random: np.random.Generator,
) -> dict[str, Any]:
    cells = random.normal(0, 0.4, (len(logits), ROWS, COLUMNS))
    # They add up to the logit less the bias.
    cells += ((logits - BIASES[variant] - cells.sum((1, 2))) / (ROWS * COLUMNS))[:, None, None]
    cells[unreadable] = 0
    encoded = base64.b64encode(cells.astype("<f4").tobytes()).decode()
    return {
        "variant": variant,
        "file": f"{variant}.onnx",
        "labels": ["normal", "anomaly"],
        "threshold": THRESHOLDS[variant],
        "thresholdSource": "f1 on 60 validation images",
        "provider": "cpu",
        "fallback": None,
        "probabilities": _where(unreadable, probabilities),
        "logits": _where(unreadable, logits),
        "calibrated": None,
        "boxes": [None if none else _box(variant, size) for none, size in zip(unreadable, sizes, strict=True)],
        "regionMissing": [2] if variant == "crop" else [],
        "heatmap": {"rows": ROWS, "columns": COLUMNS, "cells": encoded} if heatmap else None,
    }


def _where(none: NDArray[np.bool_], values: NDArray[np.float32]) -> list[float | None]:
    return [None if is_none else float(value) for is_none, value in zip(none, values, strict=True)]


def _box(variant: str, size: tuple[int, int]) -> list[int]:
    width, height = size
    if variant == "full":
        return [4, 4, width - 4, height - 4]
    return [width // 4, height // 4, width // 2, height // 2]


def _picture(number: int, size: tuple[int, int]) -> bytes:
    """A dark disc on a light ground."""
    width, height = size
    pixels = np.full((height, width, 3), 235, np.uint8)
    colour = (90 + 10 * (number % 5), 70, 60 + 12 * (number % 7))
    cv2.circle(pixels, (width // 2, height // 2), min(width, height) // 4, colour, -1, cv2.LINE_AA)
    cv2.line(pixels, (width // 3, height // 2), (width // 2, height // 3 + 3 * number), (30, 30, 30), 2)
    _, encoded = cv2.imencode(".webp", pixels, [cv2.IMWRITE_WEBP_QUALITY, 80])
    return encoded.tobytes()
