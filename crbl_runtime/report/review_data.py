"""What the review page shows, as JSON types: report_pages/src/review/review_data.ts says what each of them means."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from crbl_runtime.report.float32_text import float32_text
from crbl_runtime.report.reviewed import ReviewedImage, ReviewedModel, ShownPrediction
from crbl_runtime.report.time_text import now
from crbl_runtime.version import __version__

SCHEMA = 1
ID_DIGITS = 16


def review_data(
    title: str,
    models: Sequence[ReviewedModel],
    images: Sequence[ReviewedImage],
    *,
    defect_rate: float | None,
    costs: tuple[float, float] | None,
    remarks: Sequence[str],
) -> dict[str, Any]:
    """All that the page shows, but for the pictures, which it takes in the order of the images that have one.

    Args:
        models: one or two. images: at least one. remarks: sentences about all of them.
        defect_rate: the share of anomalies among images to come, None for that among these.
        costs: of a missed anomaly and of a false alarm, in one unit; None where nobody said it.
    """
    paths = [os.path.abspath(image.path) for image in images]  # noqa: PTH100 - Path.absolute keeps the dots of a/../b
    folder = _shared_folder(paths)
    labelled = any(image.label is not None for image in images)
    return {
        "schema": SCHEMA,
        "id": _id(paths),
        "title": title,
        "created": now(),
        "version": __version__,
        "models": [_model(model, number, images) for number, model in enumerate(models)],
        "folder": folder,
        "paths": [path[len(folder) :] for path in paths],
        "labels": [image.label for image in images] if labelled else None,
        "kinds": [image.kind for image in images] if any(image.kind for image in images) else None,
        "errors": {number: image.error for number, image in enumerate(images) if image.error is not None},
        "notes": {number: list(image.notes) for number, image in enumerate(images) if image.notes},
        "sizes": [image.picture.size if image.picture is not None else (0, 0) for image in images],
        "pictures": _picture_numbers(images),
        "defectRate": defect_rate,
        "costs": {"missedAnomaly": costs[0], "falseAlarm": costs[1]} if costs is not None else None,
        "remarks": list(remarks),
    }


def _model(model: ReviewedModel, number: int, images: Sequence[ReviewedImage]) -> dict[str, Any]:
    predictions = [image.predictions[number] if image.predictions else None for image in images]
    made = [prediction for prediction in predictions if prediction is not None]
    calibrated = any(prediction.calibrated_probability is not None for prediction in made)
    return {
        "variant": model.variant,
        "file": model.file,
        "labels": list(model.labels),
        "threshold": model.threshold,
        "thresholdSource": model.threshold_source,
        "provider": model.provider,
        "fallback": model.fallback,
        "probabilities": _values(predictions, "probability"),
        "logits": _values(predictions, "logit"),
        "calibrated": _values(predictions, "calibrated_probability") if calibrated else None,
        "boxes": _values(predictions, "box"),
        "regionMissing": [index for index, found in enumerate(_values(predictions, "region_found")) if found is False],
        "heatmap": _heatmap(predictions),
    }


def _values(predictions: Sequence[ShownPrediction | None], name: str) -> list[Any]:
    """An attribute of each prediction, None where there is no prediction."""
    return [getattr(prediction, name) if prediction is not None else None for prediction in predictions]


def _heatmap(predictions: Sequence[ShownPrediction | None]) -> dict[str, Any] | None:
    """The cells of all images in a row; zeros for an image that was not predicted."""
    maps = [prediction.heatmap if prediction is not None else None for prediction in predictions]
    shape = next((each.shape for each in maps if each is not None), None)
    if shape is None:
        return None
    cells = np.stack([each if each is not None else np.zeros(shape, np.float32) for each in maps])
    return {"rows": shape[0], "columns": shape[1], "cells": float32_text(cells)}


def _picture_numbers(images: Sequence[ReviewedImage]) -> list[int]:
    number = 0
    numbers = []
    for image in images:
        numbers.append(number if image.picture is not None else -1)
        number += image.picture is not None
    return numbers


def _shared_folder(paths: Sequence[str]) -> str:
    try:
        folder = os.path.commonpath([Path(path).parent for path in paths])
    except ValueError:  # On several drives of Windows.
        return ""
    return folder if folder.endswith(os.sep) else folder + os.sep


def _id(paths: Sequence[str]) -> str:
    """The same for the same images, so that marks outlive a report that is written again, with another model too."""
    joined = "\0".join(paths).encode("utf-8", "surrogatepass")
    return hashlib.sha256(joined).hexdigest()[:ID_DIGITS]
