"""What users choose from, and defaults. Imports nothing: a command offers the choices before it loads torch.

What each one means stands where it is used: `devices.device`, `model.crbl`, `data.augmentation`, `train.recipe`.
"""

DEVICE_KINDS = ("directml", "cuda", "cpu")
TRAINABLE = ("after-150", "head", "all")
AUGMENTATIONS = ("original", "strong", "none")
CLASS_WEIGHTS = ("assumed", "balanced")
SCHEDULERS = ("plateau", "cosine")
HEAD_STARTS = ("random", "solved")
BEST_BY = ("loss", "auroc", "average-precision")
CACHE_MODES = ("auto", "on", "off")
GIGABYTE = 10**9
CACHE_GIGABYTES = 4
# Messages name this option, too.
NO_TILED_RESOURCES = "--no-tiled-resources"

# The signed root's derivative grows without bound near zero, so the backward pass uses a larger floor than the
# forward pass; docs/root_floor.md has the measurement.
DEFAULT_ROOT_FLOOR = 1e-5

# The largest |difference| of a logit between a converted model and Keras.
KERAS_TOLERANCE = 2e-4
