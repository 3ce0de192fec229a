"""How much of the backbones' gradient is rounding noise, for several backward floors of the signed root.

    python benchmarks/root_floor.py FOLDER [--images 8]

On real images and backbones with random weights: the gradient in float32 against float64 at the same floor, and the
float64 gradient at each floor against the true one.
"""

from pathlib import Path

import click
import numpy as np
import torch
from torch import Tensor

from crbl_runtime.image_folder import find_images
from crbl_runtime.preprocessing import PreprocessingSpec, prepare
from crbl_training.model.bilinear_pooling import FLOOR
from crbl_training.model.crbl import CRBLDualModel, create_crop_model
from crbl_training.model.loss import class_weights, training_loss
from crbl_training.model.network_input import network_input
from crbl_training.weights.batchnorm_calibration import calibrate_batchnorm

FLOORS = (FLOOR, 1e-8, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2)
CALIBRATION = 64
SPEC = PreprocessingSpec(region="whole")


@click.command(epilog="Example: python benchmarks/root_floor.py elpv/train")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--images", "count", type=int, default=8, show_default=True, help="How many make the batch.")
def main(folder: Path, count: int) -> None:
    """Measure the gradient's error on images of FOLDER."""
    paths = find_images(folder).images
    chosen = np.random.RandomState(0).permutation(len(paths))[: count + CALIBRATION]
    images = torch.from_numpy(np.stack([prepare(paths[index], SPEC).pixels for index in chosen]))
    torch.manual_seed(0)
    model = create_crop_model().eval()  # without dropout and drop-path, whose draws would differ
    for backbone in (model.backbone1, model.backbone2):
        calibrate_batchnorm(backbone, [network_input(images[count:], SPEC)])
    batch, labels = images[:count], torch.arange(count) % 2
    true = _gradient(model, batch, labels, FLOOR, torch.float64)
    print("floor   float32 error   cosine with the true gradient   length relative to it")
    for floor in FLOORS:
        float64 = _gradient(model, batch, labels, floor, torch.float64)
        float32 = _gradient(model, batch, labels, floor, torch.float32)
        error = float((float32 - float64).norm() / float64.norm())
        cosine = float(torch.dot(float64, true) / float64.norm() / true.norm())
        print(f"{floor:.0e} {error:12.1e} {cosine:22.3f} {float(float64.norm() / true.norm()):26.3f}")


def _gradient(model: CRBLDualModel, images: Tensor, labels: Tensor, floor: float, dtype: torch.dtype) -> Tensor:
    """The gradient of all trainable backbone parameters, float64 [parameters]."""
    model.to(dtype).zero_grad(set_to_none=True)
    model.root_floor = floor
    logits = model(network_input(images, SPEC, dtype))
    training_loss(logits, labels.to(dtype), class_weights(0.88)).backward()
    gradients = [
        parameter.grad.double().flatten()
        for name, parameter in model.named_parameters()
        if parameter.grad is not None and not name.startswith("classifier.")
    ]
    return torch.cat(gradients)


if __name__ == "__main__":
    main()
