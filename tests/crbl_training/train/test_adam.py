"""adam.py: torch's Adam without torch's operators."""

import copy

import torch
from crbl_training.train.adam import Adam
from torch import nn
from torch.optim import Optimizer


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
