"""check.py: a device that computes wrongly is told from one that rounds; the stand-in device plays both."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from crbl_runtime.errors import CRBLError, UnavailableError
from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.data.prepared_dataset import PreparedDataset
from crbl_training.devices.check import check_device
from crbl_training.directml import recorder
from crbl_training.directml.recorder import record_operators
from crbl_training.directml.stand_in import STAND_IN_DEVICE, compute
from crbl_training.model.crbl import CRBLDualModel

SPEC = PreprocessingSpec("whole", image_size=32)


@pytest.fixture
def model(random_weights: dict[str, Tensor]) -> CRBLDualModel:
    model = CRBLDualModel("after-150")
    model.load_state_dict(random_weights)
    return model


@pytest.fixture
def head_model(model: CRBLDualModel) -> CRBLDualModel:
    """The same model with backbones that do not learn, whose step is several times quicker on the stand-in device."""
    model.set_trainable("head")
    return model


@pytest.fixture
def break_operator(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[[Any], Any]], None]:
    """Makes the stand-in device change what an operator gives."""

    def break_it(name: str, change: Callable[[Any], Any]) -> None:
        def computed_wrongly(operator: Any, args: Any, kwargs: Any) -> Any:
            results = compute(operator, args, kwargs)
            if operator.name() == name:
                change(results)
            return results

        monkeypatch.setattr(recorder, "compute", computed_wrongly)

    return break_it


def check(model: CRBLDualModel, images: PreparedDataset, *, tiled_resources: bool = True) -> None:
    labelled = (images.images[:8], images.labels[:8])
    with record_operators():
        check_device(model, *labelled, SPEC, (0.568, 4.167), STAND_IN_DEVICE, tiled_resources=tiled_resources)


def test_a_sound_device_passes_with_a_head_that_learns(head_model, train_set):
    check(head_model, train_set)


def test_a_sound_device_passes_and_leaves_the_model_and_the_generator_as_they_were(model, train_set):
    model.eval()
    model.classifier.bias.grad = torch.ones(1)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state = torch.get_rng_state()
    check(model, train_set)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert {tensor.device.type for tensor in model.state_dict().values()} == {"cpu"}
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(module.training for module in model.modules())
    assert model.classifier.bias.grad.tolist() == [1.0]
    assert model.root_floor != 1e-2
    assert model.backbone1.bn2.momentum == 0.01


def scale(factor: float, part: int | None = None) -> Callable[[Any], None]:
    return lambda results: (results if part is None else results[part]).on_cpu.mul_(factor)


def test_wrong_gradients_are_named_with_their_size_and_a_remedy(model, train_set, break_operator):
    break_operator("aten::convolution_backward_overrideable", scale(1.1, part=1))  # the weight's gradient
    with pytest.raises(UnavailableError) as raised:
        check(model, train_set)
    message = str(raised.value)
    assert re.search(r"the gradient of backbone[12]\.\S+ is off by 0\.1\b", message), message
    assert "conv" in message
    assert "the loss" not in message
    assert re.search(r"; and \d+ more\. ", message)
    assert "--device cpu" in message
    assert "--skip-device-check" in message
    assert "driver" in message
    assert "Try --no-tiled-resources, which calls torch_directml.disable_tiled_resources(True)." in message


def test_a_wrong_loss_is_named(head_model, train_set, break_operator):
    break_operator("aten::log1p", scale(1.01))
    with pytest.raises(UnavailableError, match=r"the loss is off by 0\.01\b"):
        check(head_model, train_set)


def test_what_was_done_already_is_no_remedy(head_model, train_set, break_operator):
    break_operator("aten::log1p", scale(1.01))
    with pytest.raises(UnavailableError, match="--device cpu") as raised:
        check(head_model, train_set, tiled_resources=False)
    assert "tiled" not in str(raised.value)


def test_wrong_statistics_are_named_though_the_step_is_right(model, train_set, monkeypatch):
    def computed_wrongly(operator: Any, args: Any, kwargs: Any) -> Any:
        results = compute(operator, args, kwargs)
        if operator.name() == "aten::native_batch_norm" and args[5]:
            args[4].on_cpu.mul_(0.99)  # the running variance, as if it were the biased one
        return results

    monkeypatch.setattr(recorder, "compute", computed_wrongly)
    with pytest.raises(UnavailableError) as raised:
        check(model, train_set)
    assert re.search(r"the running variance of backbone[12]\.\S*bn\d is off by 0\.01\b", str(raised.value))
    assert "gradient" not in str(raised.value)


def test_nan_on_the_device_is_a_difference(head_model, train_set, break_operator):
    break_operator("aten::log1p", scale(float("nan")))
    with pytest.raises(UnavailableError, match="the loss is off by nan"):
        check(head_model, train_set)


def test_a_device_that_raises_is_reported_with_its_reason(head_model, train_set, break_operator):
    def fail(results: Any) -> None:
        raise RuntimeError

    break_operator("aten::silu_", fail)
    with pytest.raises(
        UnavailableError, match=r"cannot run a training step \(the driver gives no reason\).*--device cpu"
    ):
        check(head_model, train_set)


def test_weights_without_a_finite_loss_are_not_the_devices_fault(head_model, train_set):
    head_model.classifier.bias.data.fill_(float("nan"))
    with pytest.raises(CRBLError, match="nan before training") as raised:
        check(head_model, train_set)
    assert not isinstance(raised.value, UnavailableError)
