"""Compare a training step on the device with the CPU's, once, before the first epoch."""

import copy
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from crbl_runtime.errors import NotFiniteError, UnavailableError
from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.model.loss import training_loss
from crbl_training.model.network_input import network_input
from crbl_training.options import NO_TILED_RESOURCES

# With the floor of training a gradient may be mostly rounding; with this one it is not (docs/root_floor.md).
ROOT_FLOOR = 1e-2
# A gradient this much shorter than the longest may be rounding around 0, as that of a bias before a BatchNorm is.
SHORTEST_GRADIENT = 1e-4
# Relative. Float32 against float64, both on the CPU, on 8 images of 32 px (128 px): loss 1e-7 (1e-7), gradients
# 1.2e-3 (1.2e-4), statistics 2e-5 (2e-6). An operator that computes wrongly comes out at 0.1 and more.
LOSS_TOLERANCE = 1e-4
GRADIENT_TOLERANCE = 1e-2
STATISTICS_TOLERANCE = 1e-3
SHOWN = 3
REMEDY = "Update the graphics driver, train with --device cpu, or go on at your own risk with --skip-device-check."
TRY_FIRST = f"Try {NO_TILED_RESOURCES}, which calls torch_directml.disable_tiled_resources(True). "


@dataclass(frozen=True)
class _Step:
    """What a training step computes, on the CPU; gradients by parameter, (mean, variance) by BatchNorm layer."""

    loss: float
    gradients: dict[str, Tensor]
    statistics: dict[str, tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class _Difference:
    """How far the device is from the CPU, relative, and how far it may be."""

    what: str
    error: float
    tolerance: float

    def __str__(self) -> str:
        return f"{self.what} is off by {self.error:.2g} (relative; up to {self.tolerance:g} is rounding)"


def check_device(
    model: CRBLDualModel,
    images: Tensor,
    labels: Tensor,
    spec: PreprocessingSpec,
    weights: tuple[float, float],
    device: torch.device,
    *,
    tiled_resources: bool = True,
) -> None:
    """Compute one training step on the device and on the CPU, and compare loss, gradients and BatchNorm statistics.

    Dropout masks and left-out paths are the same on both, since they are drawn by the CPU's generator. Model and
    generator are left as they were.

    Args:
        model: on the CPU or the device. images: training images, uint8 [N, H, W, 3], 8 or more: with fewer the
            step itself is badly conditioned. labels: float [N]. weights: of the loss, for (normal, anomaly).
        tiled_resources: False where DirectML already does without them, so that doing so is no remedy.

    Raises:
        UnavailableError: the device cannot run the step or computes it wrongly; with what differs by how much.
        NotFiniteError: the CPU's own loss is not finite.
    """
    remedy = TRY_FIRST + REMEDY if tiled_resources else REMEDY
    expected = _compute_step(model, images, labels, spec, weights, torch.device("cpu"))
    if not math.isfinite(expected.loss):
        raise NotFiniteError(f"The loss is {expected.loss} before training. Start from other weights.")
    try:
        actual = _compute_step(model, images, labels, spec, weights, device)
    except RuntimeError as error:
        raise UnavailableError(
            f"The device {device} cannot run a training step ({str(error) or 'the driver gives no reason'}). {remedy}"
        ) from error
    # A comparison with NaN is false: whatever is not known to be within the tolerance is wrong.
    wrong = [each for each in _differences(expected, actual) if not each.error <= each.tolerance]
    if wrong:
        wrong.sort(key=lambda each: math.inf if math.isnan(each.error) else each.error, reverse=True)
        shown = "; ".join(map(str, wrong[:SHOWN])) + (f"; and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else "")
        raise UnavailableError(f"The device {device} computes a training step unlike the CPU: {shown}. {remedy}")


def _compute_step(
    model: CRBLDualModel,
    images: Tensor,
    labels: Tensor,
    spec: PreprocessingSpec,
    weights: tuple[float, float],
    device: torch.device,
) -> _Step:
    model_copy = copy.deepcopy(model).to(device).train()
    model_copy.root_floor = ROOT_FLOOR
    model_copy.zero_grad(set_to_none=True)
    layers = {name: module for name, module in model_copy.named_modules() if isinstance(module, nn.BatchNorm2d)}
    for layer in layers.values():
        layer.momentum = 1.0  # The statistics become those of the batch, which show an error at its full size.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        logits = model_copy(network_input(images.to(device), spec))
    loss = training_loss(logits, labels.to(device), weights)
    loss.backward()
    return _Step(
        float(loss.detach().cpu()),
        {name: each.grad.cpu() for name, each in model_copy.named_parameters() if each.grad is not None},
        {
            name: (layer.running_mean.cpu(), layer.running_var.cpu())
            for name, layer in layers.items()
            if layer.training and layer.running_mean is not None and layer.running_var is not None
        },
    )


def _differences(expected: _Step, actual: _Step) -> list[_Difference]:
    loss_error = abs(actual.loss - expected.loss) / abs(expected.loss)
    differences = [_Difference("the loss", loss_error, LOSS_TOLERANCE)]
    shortest = SHORTEST_GRADIENT * max(float(gradient.norm()) for gradient in expected.gradients.values())
    for name, gradient in expected.gradients.items():
        length = max(float(gradient.norm()), shortest)
        error = float((actual.gradients[name] - gradient).norm()) / length
        differences.append(_Difference(f"the gradient of {name}", error, GRADIENT_TOLERANCE))
    for name, (mean, variance) in expected.statistics.items():
        actual_mean, actual_variance = actual.statistics[name]
        # A mean may be 0 by construction; the deviation tells how large it could have been.
        mean_error = float((actual_mean - mean).norm() / variance.sqrt().norm())
        variance_error = float((actual_variance - variance).norm() / variance.norm())
        differences.append(_Difference(f"the running mean of {name}", mean_error, STATISTICS_TOLERANCE))
        differences.append(_Difference(f"the running variance of {name}", variance_error, STATISTICS_TOLERANCE))
    return differences
