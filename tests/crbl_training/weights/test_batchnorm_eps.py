"""batchnorm_eps.py: a BatchNorm of PyTorch's eps computes the same with TensorFlow's, in eval mode."""

import pytest
import torch
from torch import nn

from crbl_training.weights.batchnorm_eps import PYTORCH_EPS, TENSORFLOW_EPS, scale_for_tensorflow_eps


@pytest.mark.parametrize("variance", [0.0, 1e-30, 1e-6, 1e-3, 0.7, 1e6])
def test_the_larger_eps_is_made_up_for(variance):
    generator = torch.Generator().manual_seed(0)
    before, after = (nn.Sequential(nn.BatchNorm2d(8, eps=eps)).eval() for eps in (PYTORCH_EPS, TENSORFLOW_EPS))
    state = {name: torch.randn(tensor.shape, generator=generator) for name, tensor in before.state_dict().items()}
    before.load_state_dict(state | {"0.running_var": torch.full((8,), variance)})
    after.load_state_dict(scale_for_tensorflow_eps(before.state_dict()))
    x = torch.randn(2, 8, 3, 3, generator=generator)
    with torch.no_grad():
        one, other = after(x), before(x)
    torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6 * float(other.abs().max()))
    changed = {name for name, tensor in after.state_dict().items() if not tensor.equal(before.state_dict()[name])}
    assert changed <= {"0.weight"}


def test_what_is_no_batchnorm_stays():
    state = {"conv.weight": torch.ones(2), "bn.weight": torch.ones(2), "bn.running_var": torch.zeros(2)}
    scaled = scale_for_tensorflow_eps(state)
    assert scaled["conv.weight"] is state["conv.weight"]
    torch.testing.assert_close(scaled["bn.weight"], torch.full((2,), 10.0))
    assert state["bn.weight"].tolist() == [1, 1]
