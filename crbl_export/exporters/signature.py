"""What both exporters are told about inputs and outputs."""

import torch
from torch import Tensor

from crbl_export.graph import ExportGraph
from crbl_runtime.contract import HEATMAP_NAME, LOGIT_NAME, PROBABILITY_NAME

# Any batch but 1, which an exporter may take for a constant.
EXAMPLE_BATCH = 2


def example_image(graph: ExportGraph) -> Tensor:
    """uint8 [2, size, size, 3]."""
    size = graph.spec.image_size
    return torch.zeros(EXAMPLE_BATCH, size, size, 3, dtype=torch.uint8)


def output_names(graph: ExportGraph) -> list[str]:
    """In the order of what the graph returns."""
    return [PROBABILITY_NAME, LOGIT_NAME] + ([HEATMAP_NAME] if graph.with_heatmap else [])
