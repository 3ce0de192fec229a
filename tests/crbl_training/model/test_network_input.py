"""network_input.py: the spec's scale and channel order."""

import pytest
import torch

from crbl_runtime.preprocessing import IMAGENET_MEAN, IMAGENET_STD, PreprocessingSpec
from crbl_training.model.network_input import network_input

IMAGES = torch.arange(2 * 3 * 4 * 3, dtype=torch.uint8).view(2, 3, 4, 3) * 3


def test_values_are_divided_by_255_and_channels_come_first():
    x = network_input(IMAGES, PreprocessingSpec("whole"))
    assert x.shape == (2, 3, 3, 4)
    assert x.dtype == torch.float32
    for image, row, column, channel in ((0, 0, 0, 0), (1, 2, 3, 1), (1, 0, 2, 2)):
        assert x[image, channel, row, column] == IMAGES[image, row, column, channel].float() / 255


def test_bgr_reverses_the_channels():
    rgb, bgr = (network_input(IMAGES, PreprocessingSpec("whole", channel_order=order)) for order in ("rgb", "bgr"))
    assert torch.equal(bgr, rgb.flip(1))


def test_mean_and_deviation_are_those_of_the_network_s_channels():
    spec = PreprocessingSpec("whole", channel_order="bgr", mean=IMAGENET_MEAN, std=IMAGENET_STD)
    x = network_input(IMAGES, spec, torch.float64)
    for channel in range(3):
        expected = (IMAGES[..., 2 - channel].double() / 255 - IMAGENET_MEAN[channel]) / IMAGENET_STD[channel]
        torch.testing.assert_close(x[:, channel], expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_is_the_one_asked_for(dtype):
    assert network_input(IMAGES, PreprocessingSpec("whole", divisor=1.0), dtype).dtype == dtype
