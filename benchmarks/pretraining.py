"""Are backbones better than random ones that learnt from the images at hand alone, without labels?

    pip install elpv-dataset
    python training/recipes/elpv.py elpv
    python benchmarks/pretraining.py elpv/train pretrained.safetensors
    crbl-train --variant full --data elpv/train --val elpv/validation.csv --region whole --imagenet-normalization \\
        --weights pretrained.safetensors --seed 1

A backbone learns to tell parts of images from parts with a patch or a scar of another image pasted in: CutPaste, 3-way
(Li, Sohn, Yoon, Pfister, "CutPaste: Self-Supervised Learning for Anomaly Detection and Localization", 2021). OUT is
what --weights of crbl-train reads. docs/real_images.md has what it was worth.
"""

import math
import time
from dataclasses import dataclass
from pathlib import Path

import click
import cv2
import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from crbl_runtime.atomic_file import replacing
from crbl_runtime.preprocessing import IMAGENET_MEAN, IMAGENET_STD, PreprocessingSpec
from crbl_training.data.dataset import read_labelled
from crbl_training.data.mapped_images import Images
from crbl_training.data.prepared_dataset import PreparedDataset, prepare_dataset
from crbl_training.model.crbl import create_full_model
from crbl_training.model.feature_extractor import EfficientNetB0FeatureExtractor
from crbl_training.model.network_input import network_input
from crbl_training.weights.initial_weights import load_backbones

SPEC = PreprocessingSpec(region="whole", mean=IMAGENET_MEAN, std=IMAGENET_STD)
# Pixels of a part, and of the square that a turned scar lies in.
SIDE, SCAR_SIDE = 64, 32
# Of each of the three kinds in a batch.
PARTS = 24
KINDS = 3
LEARNING_RATE, PEAK_LEARNING_RATE, WEIGHT_DECAY = 1e-3, 2e-3, 1e-3
REPORTED_EVERY = 50


@dataclass(frozen=True)
class Parts:
    """Draws parts of images, uint8 [SIDE, SIDE, 3] each.

    Attributes:
        images: uint8 [N, H, W, 3].
    """

    images: Images
    random: np.random.Generator

    def unchanged(self, number: int) -> Tensor:
        """A part of the image of this number, flipped or not."""
        part = self._cut(number, SIDE, SIDE)
        for axis in (1, 0):
            if self.random.random() < 0.5:
                part = part.flip(axis)
        return part.clone()

    def with_patch(self, number: int) -> Tensor:
        """With a rectangle of another image over 2 to 15 % of it."""
        part = self.unchanged(number)
        area = SIDE * SIDE * self.random.uniform(0.02, 0.15)
        ratio = math.exp(self.random.uniform(math.log(0.3), math.log(3.3)))
        height, width = (int(min(SIDE - 2, max(3, math.sqrt(each)))) for each in (area * ratio, area / ratio))
        y, x = self.random.integers(0, SIDE - height + 1), self.random.integers(0, SIDE - width + 1)
        part[y : y + height, x : x + width] = self._patch(height, width)
        return part

    def with_scar(self, number: int) -> Tensor:
        """With a thin rectangle of another image, turned by any angle."""
        part = self.unchanged(number)
        width, length = int(self.random.integers(2, 6)), int(self.random.integers(10, 26))
        scar = self._patch(length, width).numpy()
        turn = cv2.getRotationMatrix2D((width / 2, length / 2), self.random.uniform(-90, 90), 1)
        turn[:, 2] += np.array([SCAR_SIDE / 2 - width / 2, SCAR_SIDE / 2 - length / 2])
        turned = cv2.warpAffine(scar, turn, (SCAR_SIDE, SCAR_SIDE))
        inside = cv2.warpAffine(np.ones((length, width), np.uint8), turn, (SCAR_SIDE, SCAR_SIDE)) > 0
        y, x = self.random.integers(0, SIDE - SCAR_SIDE + 1), self.random.integers(0, SIDE - SCAR_SIDE + 1)
        part[y : y + SCAR_SIDE, x : x + SCAR_SIDE].numpy()[inside] = turned[inside]
        return part

    def batch(self) -> tuple[Tensor, Tensor]:
        """Parts of all kinds, uint8 [KINDS * PARTS, SIDE, SIDE, 3], and their kinds, int64."""
        parts = []
        for _ in range(PARTS):
            number = int(self.random.integers(len(self.images)))
            parts += [self.unchanged(number), self.with_patch(number), self.with_scar(number)]
        return torch.stack(parts), torch.arange(KINDS).repeat(PARTS)

    def _patch(self, height: int, width: int) -> Tensor:
        """Of any image, a little brighter or darker, with more or less contrast."""
        patch = self._cut(int(self.random.integers(len(self.images))), height, width).float()
        return (patch * self.random.uniform(0.7, 1.3) + self.random.uniform(-20, 20)).clamp(0, 255).to(torch.uint8)

    def _cut(self, number: int, height: int, width: int) -> Tensor:
        image = self.images[number]
        y = self.random.integers(0, image.shape[0] - height + 1)
        x = self.random.integers(0, image.shape[1] - width + 1)
        return image[y : y + height, x : x + width]


@click.command()
@click.argument("data", type=click.Path(exists=True, path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--steps", type=int, default=900, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
def main(data: Path, out: Path, steps: int, seed: int) -> None:
    """Train a backbone on DATA, whose labels are not looked at, and write its weights to OUT."""
    torch.manual_seed(seed)
    images = prepare_dataset(read_labelled(data), SPEC, "training")
    backbone = _random_backbone(images)
    _learn(backbone, Parts(images.images, np.random.default_rng(seed)), steps)
    with replacing(out) as temporary:
        save_file(backbone.state_dict(), temporary)
    click.echo(f"Next: crbl-train --weights {out}")


def _random_backbone(images: PreparedDataset) -> EfficientNetB0FeatureExtractor:
    model = create_full_model()
    load_backbones(model, ("none",), images, SPEC, trust_pickle=False)
    backbone: EfficientNetB0FeatureExtractor = model.backbone1
    return backbone.requires_grad_(True).train()


def _learn(backbone: EfficientNetB0FeatureExtractor, parts: Parts, steps: int) -> None:
    head = nn.Linear(1280, KINDS)
    parameters = [*backbone.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_LEARNING_RATE, total_steps=steps)
    started, right = time.process_time(), []
    for step in range(1, steps + 1):
        pixels, kinds = parts.batch()
        maps = backbone(network_input(pixels, SPEC).to(memory_format=torch.channels_last))
        logits = head(maps.mean((2, 3)))
        loss = cross_entropy(logits, kinds)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        right.append((logits.argmax(1) == kinds).float().mean().item())
        if step % REPORTED_EVERY == 0:
            share, seconds = np.mean(right[-REPORTED_EVERY:]), time.process_time() - started
            click.echo(f"step {step:4}  loss {loss.item():.3f}  right {share:.3f}  {seconds:.0f} s of CPU time")


if __name__ == "__main__":
    main()
