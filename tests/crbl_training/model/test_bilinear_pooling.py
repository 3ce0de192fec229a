"""model/bilinear_pooling.py: the formula, against sums written out."""

import math

import pytest
import torch

from crbl_training.model.bilinear_pooling import BilinearPooling


def test_values_are_the_signed_roots_of_averaged_products_with_norm_1():
    torch.manual_seed(0)
    first, second = torch.randn(2, 3, 2, 4, dtype=torch.float64), torch.randn(2, 3, 2, 4, dtype=torch.float64)
    pooled = BilinearPooling()(first, second)
    for n in range(2):
        rooted = []
        for i in range(3):
            for j in range(3):
                p = sum(first[n, i, y, x].item() * second[n, j, y, x].item() for y in range(2) for x in range(4)) / 8
                rooted.append(math.copysign(math.sqrt(abs(p)), p))
        norm = math.sqrt(sum(value * value for value in rooted))
        assert pooled[n].tolist() == pytest.approx([value / norm for value in rooted], rel=1e-9)


def test_first_map_s_channel_is_major():
    first, second = torch.zeros(1, 3, 1, 1), torch.zeros(1, 3, 1, 1)
    first[0, 1], second[0, 2] = 4.0, 9.0
    assert BilinearPooling()(first, second)[0].argmax() == 1 * 3 + 2
    assert BilinearPooling()(second, first)[0].argmax() == 2 * 3 + 1


def test_maps_of_zeros_give_zeros_and_no_nan():
    first = torch.zeros(2, 3, 2, 2, requires_grad=True)
    pooled = BilinearPooling()(first, torch.zeros(2, 3, 2, 2))
    assert torch.equal(pooled, torch.zeros(2, 9))
    pooled.sum().backward()
    assert torch.isfinite(first.grad).all()
