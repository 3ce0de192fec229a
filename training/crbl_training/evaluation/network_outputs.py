"""What a network gives for a set of prepared images, computed in batches of one size."""

from collections.abc import Callable

import torch
from torch import Tensor
from tqdm import tqdm

from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.data.batches import batches_of_size, even_size
from crbl_training.data.mapped_images import Images
from crbl_training.model.memory_layout import in_quickest_layout
from crbl_training.model.network_input import network_input

EVALUATION_BATCH = 32


@torch.no_grad()
def network_outputs(
    compute: Callable[[Tensor], tuple[Tensor, ...]], images: Images, spec: PreprocessingSpec, device: torch.device
) -> tuple[Tensor, ...]:
    """Prepared images, uint8 [N, H, W, 3] -> what `compute` gives of their network input: [N, ...] each, on the CPU.

    Args:
        compute: network input, float [B, 3, H, W] on the device -> [B, ...] each.
    """
    size = even_size(len(images), EVALUATION_BATCH)
    batches = tqdm(
        batches_of_size(images, size),
        desc="Predicting",
        unit="batch",
        total=-(-len(images) // size),
        leave=False,
        disable=None,
    )
    outputs = [
        [output.cpu() for output in compute(in_quickest_layout(network_input(batch.to(device), spec)))]
        for batch in batches
    ]
    return tuple(torch.cat(of_batches)[: len(images)] for of_batches in zip(*outputs, strict=True))
