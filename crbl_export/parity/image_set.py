"""Which images the gate compares on."""

from pathlib import Path

import numpy as np

from crbl_export.parity.compare import ParitySet, read_parity_set
from crbl_export.parity.reference import reference_logits
from crbl_runtime.image_folder import find_images
from crbl_runtime.preprocessing import prepare
from crbl_runtime.self_test import self_test_images
from crbl_training.checkpoint import Checkpoint
from crbl_training.evaluation.scores import scored_images

SYNTHETIC = "synthetic images, no real ones"


def parity_set(checkpoint: Checkpoint, checkpoint_path: Path, verify: Path | None) -> ParitySet:
    """The user's images, else the run's validation images, else the synthetic self-test images."""
    if verify is not None:
        return read_parity_set(checkpoint, find_images(verify), str(verify))
    found = scored_images(checkpoint_path)
    if found:
        return read_parity_set(checkpoint, found, f"the validation images of {checkpoint_path.name}")
    contents = tuple(self_test_images(checkpoint.preprocessing.image_size))
    images = np.stack([prepare(content, checkpoint.preprocessing).pixels for content in contents])
    names = tuple(f"synthetic {number}" for number in range(len(images)))
    return ParitySet(names, contents, reference_logits(checkpoint, images), (), SYNTHETIC)
