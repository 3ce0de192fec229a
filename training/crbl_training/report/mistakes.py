"""The worst mistakes with their heatmaps, which the model itself computes."""

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.evaluation.worst_mistakes import Mistake, WorstMistakes
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.model.memory_layout import in_quickest_layout
from crbl_training.model.network_input import network_input
from crbl_training.report.pictures import Pictures


def mistakes_with_heatmaps(
    mistakes: WorstMistakes, model: CRBLDualModel, spec: PreprocessingSpec, pictures: Pictures
) -> dict[str, Any]:
    """The images that a sheet of mistakes shows, as JSON types.

    Args:
        model: on the CPU, in eval mode. spec: what the images were prepared with. pictures: takes the images.
    """
    return {
        "bias": float(model.classifier.bias.detach()),
        "false_alarms": _shown(mistakes.false_alarms, model, spec, pictures),
        "false_alarms_in_all": mistakes.false_alarms_in_all,
        "missed_anomalies": _shown(mistakes.missed, model, spec, pictures),
        "missed_anomalies_in_all": mistakes.missed_in_all,
    }


def _shown(
    mistakes: Sequence[Mistake], model: CRBLDualModel, spec: PreprocessingSpec, pictures: Pictures
) -> list[dict[str, Any]]:
    if not mistakes:
        return []
    logits, maps = _logits_and_heatmaps(model, np.stack([mistake.image for mistake in mistakes]), spec)
    return [
        {
            "name": mistake.path.name,
            "path": str(mistake.path),
            "probability": mistake.probability,
            "logit": float(logit),
            "picture": pictures.add(mistake.image),
            "rows": cells.shape[0],
            "columns": cells.shape[1],
            # float32, little endian: exactly those that the model gave.
            "cells": base64.b64encode(cells.numpy().astype("<f4").tobytes()).decode(),
        }
        for mistake, logit, cells in zip(mistakes, logits, maps, strict=True)
    ]


@torch.no_grad()
def _logits_and_heatmaps(
    model: CRBLDualModel, images: np.ndarray[Any, np.dtype[np.uint8]], spec: PreprocessingSpec
) -> tuple[Tensor, Tensor]:
    """uint8 [N, H, W, 3] -> float32 [N] and [N, h, w]; an image's cells add up to its logit less the bias."""
    features = model.features(in_quickest_layout(network_input(torch.from_numpy(images), spec)))
    return model.logits(*features), model.heatmap(*features)
