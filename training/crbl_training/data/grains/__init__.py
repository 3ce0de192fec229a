"""Images of grains made by formula, for the demo and the tests: one image, or a whole dataset."""

from crbl_training.data.grains.dataset import write_dataset
from crbl_training.data.grains.grain import Grain, make_grain
from crbl_training.data.grains.impurities import IMPURITIES

__all__ = ["IMPURITIES", "Grain", "make_grain", "write_dataset"]
