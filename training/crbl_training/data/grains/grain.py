"""One image of a grain made by formula: what a camera over a white tray sees, with and without an impurity."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crbl_runtime.errors import UsageError
from crbl_training.data.grains.camera import illuminate, photograph
from crbl_training.data.grains.impurities import IMPURITIES, add_impurities
from crbl_training.data.grains.scene import clean_scene


@dataclass(frozen=True)
class Grain:
    """One image: `pixels` uint8 [H, W, 3] RGB, and which of IMPURITIES it has (None for a clean grain)."""

    pixels: NDArray[np.uint8]
    impurity: str | None


def make_grain(seed: int, impurity: str | None) -> Grain:
    """Make one image of about 100 x 100 pixels.

    The same seed gives the same grain, light and camera whatever the impurity is.

    Args:
        seed: any non-negative integer.
        impurity: one of IMPURITIES, or None for a clean grain.

    Raises:
        UsageError: `impurity` is none of IMPURITIES.
    """
    if impurity is not None and impurity not in IMPURITIES:
        raise UsageError(f"There is no impurity {impurity!r}. Choose one of {', '.join(IMPURITIES)}, or None.")
    shape_random, impurity_random, light_random, camera_random = (
        np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(4)
    )
    scene = clean_scene(shape_random)
    if impurity is not None:
        scene = add_impurities(scene, impurity, impurity_random)
    return Grain(photograph(illuminate(scene, light_random), camera_random), impurity)
