"""gradient_clipping.py: the length of all gradients together is bounded, as torch does it."""

import copy

import pytest
import torch
from crbl_training.train.gradient_clipping import clip_gradients
from torch import nn


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    network(torch.randn(5, 3)).square().sum().backward()
    return network


def norm_of(network: nn.Module) -> float:
    return float(torch.cat([parameter.grad.flatten() for parameter in network.parameters()]).norm())


@pytest.mark.parametrize("share", [0.1, 0.9, 1.5])
def test_equals_torchs(network, share):
    twin, length = copy.deepcopy(network), norm_of(network)
    for ours, theirs in zip(network.parameters(), twin.parameters(), strict=True):
        theirs.grad = ours.grad.clone()
    before = clip_gradients(network.parameters(), share * length)
    torch.nn.utils.clip_grad_norm_(twin.parameters(), share * length)
    assert float(before) == pytest.approx(length, rel=1e-6)
    for ours, theirs in zip(network.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-6, atol=0)
    assert norm_of(network) == pytest.approx(min(share, 1) * length, rel=1e-4)


def test_short_gradients_stay(network):
    before = [parameter.grad.clone() for parameter in network.parameters()]
    clip_gradients(network.parameters(), 1e6)
    assert all(torch.equal(old, parameter.grad) for old, parameter in zip(before, network.parameters(), strict=True))


def test_parameters_without_a_gradient_are_left_out(network):
    frozen = nn.Parameter(torch.ones(3))
    clip_gradients([frozen, *network.parameters()], 0.5)
    assert frozen.grad is None
    assert norm_of(network) == pytest.approx(0.5, rel=1e-4)
