"""directml/recorder.py and stand_in.py: what is for the device is seen, and computed as the CPU computes it."""

from collections import Counter

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.directml.recorder import OperatorCall, record_operators
from crbl_training.directml.stand_in import STAND_IN_DEVICE
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.model.loss import training_loss
from crbl_training.model.network_input import network_input


def names(calls: Counter[OperatorCall]) -> set[str]:
    return {call.operator for call in calls}


def compute_step(random_weights: dict[str, Tensor], images: Tensor, device: torch.device) -> dict[str, Tensor]:
    """The gradients of one step, its loss and its statistics, on the CPU."""
    torch.manual_seed(0)
    model = CRBLDualModel("after-150", root_floor=1e-2)
    model.load_state_dict(random_weights)
    model.to(device).train()
    torch.manual_seed(1)
    labels = torch.arange(len(images)).remainder(2).float().to(device)
    logits = model(network_input(images.to(device), PreprocessingSpec("whole", image_size=32)))
    loss = training_loss(logits, labels, (0.5, 4.0))
    loss.backward()
    gradients = {name: each.grad.cpu() for name, each in model.named_parameters() if each.grad is not None}
    statistics = {name: each.cpu() for name, each in model.named_buffers()}
    return {"loss": loss.detach().cpu()} | gradients | statistics


def test_a_step_on_the_stand_in_is_the_step_on_the_cpu(random_weights, train_set) -> None:
    expected = compute_step(random_weights, train_set.images[:8], torch.device("cpu"))
    with record_operators() as calls:
        actual = compute_step(random_weights, train_set.images[:8], STAND_IN_DEVICE)
    longest = max(tensor.norm() for tensor in expected.values() if tensor.is_floating_point())
    for name, tensor in expected.items():
        difference = (actual[name].double() - tensor.double()).norm()
        assert difference <= 1e-3 * tensor.double().norm() + 1e-6 * longest, name
    assert "aten::convolution_backward_overrideable" in names(calls)


def test_what_is_for_the_cpu_is_not_recorded() -> None:
    with record_operators() as calls:
        F.one_hot(torch.arange(3).flip(0)).double().std()
    assert not calls


def test_operators_inside_composites_are_recorded_with_them() -> None:
    with record_operators() as calls:
        nn.Conv2d(1, 1, 3).to(STAND_IN_DEVICE)(torch.ones(1, 1, 4, 4).to(STAND_IN_DEVICE))
    (inner,) = (call for call in calls if call.operator == "aten::convolution_overrideable")
    assert inner.inside == ("aten::convolution", "aten::_convolution")


def test_calls_are_counted() -> None:
    with record_operators() as calls:
        x = torch.ones(3).to(STAND_IN_DEVICE)
        for _ in range(5):
            x.mul_(2)
        assert x.cpu().tolist() == [32.0] * 3
    assert sum(times for call, times in calls.items() if call.operator == "aten::mul_.Tensor") == 5


def test_results_written_into_given_tensors_arrive_there() -> None:
    with record_operators():
        x, whole, empty = torch.tensor([-1.0, 2.0]).to(STAND_IN_DEVICE), torch.zeros(3, device=STAND_IN_DEVICE), None
        whole[1:] = x
        empty = torch.empty(0, device=STAND_IN_DEVICE)
        torch.abs(x, out=empty)
        values, indices = torch.max(x.view(1, 2), dim=1)
        assert whole.cpu().tolist() == [0.0, -1.0, 2.0]
        assert empty.shape == (2,)
        assert empty.cpu().tolist() == [1.0, 2.0]
        assert (values.cpu().tolist(), indices.cpu().tolist()) == ([2.0], [1])
        assert x.device == STAND_IN_DEVICE


def test_printing_a_device_tensor_raises_as_there() -> None:
    with record_operators(), pytest.raises(RuntimeError, match=r"Print tensor\.cpu\(\)"):
        str(torch.ones(2).to(STAND_IN_DEVICE))


def test_the_stand_in_is_of_no_use_outside() -> None:
    with record_operators():
        x = torch.ones(2).to(STAND_IN_DEVICE)
    with pytest.raises(RuntimeError, match="outside of record_operators"):
        x + 1
