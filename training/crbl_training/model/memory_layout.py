"""In which order the values of an image lie in memory."""

import torch
from torch import Tensor

# torch-directml raises on channels_last.
DEVICES_WITH_CHANNELS_LAST = ("cpu", "cuda")


def has_channels_last(device: torch.device) -> bool:
    """Whether convolutions on this device can have their images in channels_last, where they are quicker."""
    return device.type in DEVICES_WITH_CHANNELS_LAST


def in_quickest_layout(x: Tensor) -> Tensor:
    """float [N, C, H, W] -> the same values, in channels_last where the device has it.

    What convolutions give lies as what they are given: whole networks follow the layout of their input.
    """
    return x.contiguous(memory_format=torch.channels_last) if has_channels_last(x.device) else x
