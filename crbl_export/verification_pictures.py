"""Which pictures the gate compares on."""

from pathlib import Path

import numpy as np

from crbl_export.parity import ParitySet, read_parity_set
from crbl_export.reference import reference_logits
from crbl_runtime.picture_folder import find_pictures
from crbl_runtime.preprocessing import prepare
from crbl_runtime.self_test import self_test_images
from crbl_training.checkpoint import Checkpoint
from crbl_training.validation_scores import scored_pictures

SYNTHETIC = "synthetic pictures, no real ones"


def parity_set(checkpoint: Checkpoint, checkpoint_path: Path, verify: Path | None) -> ParitySet:
    """The user's pictures, else the run's validation pictures, else the synthetic self-test pictures."""
    if verify is not None:
        return read_parity_set(checkpoint, find_pictures(verify), str(verify))
    found = scored_pictures(checkpoint_path)
    if found:
        return read_parity_set(checkpoint, found, f"the validation pictures of {checkpoint_path.name}")
    contents = tuple(self_test_images(checkpoint.preprocessing.image_size))
    images = np.stack([prepare(content, checkpoint.preprocessing).pixels for content in contents])
    names = tuple(f"synthetic {number}" for number in range(len(images)))
    return ParitySet(names, contents, reference_logits(checkpoint, images), (), SYNTHETIC)
