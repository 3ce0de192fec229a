"""optimizer.py: Adam and the bound on the gradient's length give what torch's own give."""

import copy

import pytest
import torch
from torch import nn
from torch.optim import Optimizer

from crbl_training.train.optimizer import Adam, clip_gradients


def make_network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))


def train(network: nn.Module, optimizer: Optimizer, steps: range) -> None:
    for step in steps:
        x = torch.randn(4, 8, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        network(x).square().sum().backward()
        optimizer.step()


def assert_within(first: nn.Module, second: nn.Module, tolerance: float) -> None:
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=tolerance)


def test_equals_torch_over_100_steps():
    for options in ({"lr": 1e-3, "weight_decay": 1e-2}, {"lr": 3e-3, "betas": (0.8, 0.95), "eps": 1e-5}):
        ours, torchs, untrained = make_network(), make_network(), make_network()
        train(ours, Adam(ours.parameters(), **options), range(100))
        train(torchs, torch.optim.Adam(torchs.parameters(), **options, foreach=False), range(100))
        assert_within(ours, torchs, 1e-6)
        assert (ours[0].weight - untrained[0].weight).abs().max() > 1e-2


def test_learning_rate_can_be_changed_between_steps():
    ours, torchs = make_network(), make_network()
    for network, optimizer in ((ours, Adam(ours.parameters())), (torchs, torch.optim.Adam(torchs.parameters()))):
        train(network, optimizer, range(10))
        optimizer.param_groups[0]["lr"] = 1e-2
        train(network, optimizer, range(10, 20))
    assert_within(ours, torchs, 1e-6)


def test_restored_state_continues_identically():
    through, stopped = make_network(), make_network()
    train(through, Adam(through.parameters(), lr=1e-2, weight_decay=1e-3), range(20))
    first_half = Adam(stopped.parameters(), lr=1e-2, weight_decay=1e-3)
    train(stopped, first_half, range(10))
    second_half = Adam(stopped.parameters())
    second_half.load_state_dict(copy.deepcopy(first_half.state_dict()))
    train(stopped, second_half, range(10, 20))
    assert_within(through, stopped, 0)


def test_parameters_without_a_gradient_stay():
    network = make_network()
    before = copy.deepcopy(network)
    network[0].requires_grad_(False)
    train(network, Adam(network.parameters(), weight_decay=0.1), range(3))
    assert torch.equal(network[0].weight, before[0].weight)
    assert not torch.equal(network[2].weight, before[2].weight)


def test_closure_is_evaluated_with_gradients():
    parameter = nn.Parameter(torch.ones(1))
    optimizer = Adam([parameter], lr=0.1)

    def closure() -> float:
        loss = parameter.square().sum()
        loss.backward()
        return loss.item()

    assert optimizer.step(closure) == 1.0
    assert parameter.item() < 1


@pytest.fixture
def network() -> nn.Module:
    """A network with gradients."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    network(torch.randn(5, 3)).square().sum().backward()
    return network


def norm_of(network: nn.Module) -> float:
    return float(torch.cat([parameter.grad.flatten() for parameter in network.parameters()]).norm())


@pytest.mark.parametrize("share", [0.1, 0.9, 1.5])
def test_equals_torchs(network, share):
    other, length = copy.deepcopy(network), norm_of(network)
    for ours, theirs in zip(network.parameters(), other.parameters(), strict=True):
        theirs.grad = ours.grad.clone()
    before = clip_gradients(network.parameters(), share * length)
    torch.nn.utils.clip_grad_norm_(other.parameters(), share * length)
    assert float(before) == pytest.approx(length, rel=1e-6)
    for ours, theirs in zip(network.parameters(), other.parameters(), strict=True):
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
