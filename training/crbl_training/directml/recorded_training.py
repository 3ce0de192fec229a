"""A real training run on the stand-in device: a few random images through the public training loop."""

from collections import Counter
from pathlib import Path

import torch

from crbl_runtime.preprocessing import IMAGENET_MEAN, IMAGENET_STD, PreprocessingSpec
from crbl_training.data.prepared_dataset import PreparedDataset
from crbl_training.directml.recorder import OperatorCall, record_operators
from crbl_training.directml.stand_in import STAND_IN_DEVICE
from crbl_training.evaluation.metrics import predict_logits
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.train.loop import TrainingData, train_model
from crbl_training.train.recipe import Recipe

# Odd and even sides in turn (35, 18, 9, 5, 3, 2) make the padding take every form.
IMAGE_SIZE = 35
# Whatever adds operators is on.
SPEC = PreprocessingSpec("whole", IMAGE_SIZE, channel_order="bgr", mean=IMAGENET_MEAN, std=IMAGENET_STD)
RECIPE = Recipe(epochs=2, batch_size=4, accumulate=2, label_smoothing=0.1, clip_norm=1.0)


def record_training(trainable: str) -> Counter[OperatorCall]:
    """Train two steps with all that belongs to them, and return every operator that was called for the device.

    That is the copy of the model and the images, forward pass, loss, backward pass, gradient clipping, Adam, the
    evaluation after an epoch, and the copies back. The weights are random. The state of torch's generator is left as it
    was.

    Args:
        trainable: as for `CRBLDualModel`.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        images = torch.randint(0, 256, (4, IMAGE_SIZE, IMAGE_SIZE, 3), dtype=torch.uint8)
        drawn = PreparedDataset(images, torch.tensor([0.0, 1.0, 0.0, 1.0]), tuple(Path(f"{n}") for n in range(4)), 0)
        model = CRBLDualModel(trainable)
        with record_operators() as calls:
            train_model(model, TrainingData(drawn, drawn, SPEC, 0.5), RECIPE, STAND_IN_DEVICE, seed=0)
            predict_logits(model, drawn.images, SPEC, STAND_IN_DEVICE)
    return calls
