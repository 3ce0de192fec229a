"""model/heatmap.py: a map whose cells add up to the logit, and that says where it comes from."""

import pytest
import torch

from crbl_training.model.bilinear_head import bilinear_logits
from crbl_training.model.heatmap import contribution_map

CHANNELS = 48


def make_maps(images: int, height: int, width: int) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(height * width)
    shape = (images, CHANNELS, height, width)
    return torch.randn(shape), torch.randn(shape), torch.randn(1, CHANNELS * CHANNELS)


@pytest.mark.parametrize(("height", "width"), [(4, 4), (1, 1), (3, 5)])
def test_cells_sum_to_the_logit_without_the_bias(height, width):
    first, second, weight = make_maps(3, height, width)
    heatmap = contribution_map(first, second, weight)
    assert heatmap.shape == (3, height, width)
    logits = bilinear_logits(first, second, weight, torch.zeros(1))
    torch.testing.assert_close(heatmap.sum((1, 2)), logits, rtol=1e-4, atol=1e-6)


def test_cells_differ():
    first, second, weight = make_maps(2, 4, 4)
    heatmap = contribution_map(first, second, weight)
    assert (heatmap.std((1, 2)) > 0.01 * heatmap.abs().mean((1, 2))).all()


def test_the_only_active_cell_gets_everything():
    first, second, weight = make_maps(1, 3, 4)
    active = torch.zeros(1, 1, 3, 4)
    active[0, 0, 2, 1] = 1
    heatmap = contribution_map(first * active, second * active, weight)
    assert heatmap[0, 2, 1] == pytest.approx(heatmap.sum().item(), rel=1e-6)
    assert torch.count_nonzero(heatmap) == 1


def test_cells_move_with_the_image():
    first, second, weight = make_maps(1, 3, 4)
    flipped = contribution_map(first.flip(3), second.flip(3), weight)
    torch.testing.assert_close(flipped, contribution_map(first, second, weight).flip(2), rtol=1e-4, atol=1e-6)


def test_first_map_s_channel_is_major():
    first, second, weight = make_maps(1, 2, 2)
    swapped = weight.view(CHANNELS, CHANNELS).T.reshape(1, -1)
    expected = contribution_map(first, second, weight)
    torch.testing.assert_close(contribution_map(second, first, swapped), expected, rtol=1e-4, atol=1e-6)


def test_maps_of_zeros_give_zeros():
    _, second, weight = make_maps(2, 2, 2)
    assert torch.equal(contribution_map(torch.zeros_like(second), second, weight), torch.zeros(2, 2, 2))
