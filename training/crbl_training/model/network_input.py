"""From prepared images to the tensor the network sees; the exported graph begins with the same lines."""

import torch
from torch import Tensor

from crbl_runtime.preprocessing import PreprocessingSpec


def network_input(images: Tensor, spec: PreprocessingSpec, dtype: torch.dtype = torch.float32) -> Tensor:
    """uint8 [N, H, W, 3], RGB -> `dtype` [N, 3, H, W] in the spec's channel order and scale."""
    # A permuted tensor would make every later one channels_last, which torch-directml does not know.
    x = images.permute(0, 3, 1, 2).contiguous().to(dtype) / spec.divisor
    if spec.channel_order == "bgr":
        x = torch.cat([x[:, 2:3], x[:, 1:2], x[:, 0:1]], dim=1)
    if spec.mean != (0.0, 0.0, 0.0):
        # Added with the other sign, which gives the same bits: CRBL's list of DirectML's kernels has no Sub.
        x = x + torch.tensor([-mean for mean in spec.mean], dtype=dtype, device=x.device).view(1, 3, 1, 1)
    if spec.std != (1.0, 1.0, 1.0):
        x = x / torch.tensor(spec.std, dtype=dtype, device=x.device).view(1, 3, 1, 1)
    return x
