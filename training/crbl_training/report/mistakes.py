"""The worst mistakes with their heatmaps, which the model itself computes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_runtime.report.float32_text import float32_text
from crbl_training.evaluation.heatmaps import predict_logits_and_heatmaps
from crbl_training.evaluation.worst_mistakes import Mistake, WorstMistakes
from crbl_training.model.crbl import CRBLDualModel
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
    images = torch.from_numpy(np.stack([mistake.image for mistake in mistakes]))
    logits, maps = predict_logits_and_heatmaps(model, images, spec, torch.device("cpu"))
    return [
        {
            "name": mistake.path.name,
            "path": str(mistake.path),
            "probability": mistake.probability,
            "logit": float(logit),
            "picture": pictures.add(mistake.image),
            "rows": cells.shape[0],
            "columns": cells.shape[1],
            "cells": float32_text(cells),
        }
        for mistake, logit, cells in zip(mistakes, logits, maps, strict=True)
    ]
