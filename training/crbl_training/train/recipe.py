"""How a model is trained; the defaults are the original recipe."""

import math
from dataclasses import dataclass

from crbl_runtime.errors import UsageError
from crbl_training.options import AUGMENTATIONS, CLASS_WEIGHTS, DEFAULT_ROOT_FLOOR, SCHEDULERS


@dataclass(frozen=True)
class Recipe:
    """Hyperparameters of one training run.

    Attributes:
        epochs: at most this many. batch_size: images a step, half of either class.
        learning_rate, weight_decay: of Adam; the decay is L2, added to the gradient.
        plateau_factor, plateau_patience, smallest_learning_rate: of torch's ReduceLROnPlateau on the validation loss.
        early_stopping: epochs without a better validation loss after which training ends.
        class_weights: of the loss of a normal and of an anomalous image, see `loss_weights`: "assumed", "balanced", or
            the two numbers.
        assumed_normal_share: the share of normal images that the weights are balanced for if they are "assumed".
        scheduler: "plateau" (the original) or "cosine", over all epochs down to the smallest learning rate.
        label_smoothing: how far labels are moved towards 1/2, 0 to under 1; 0.1 makes them 0.05 and 0.95.
        augment: one of `AUGMENTATIONS`. views: how many augmented views of each image there are, 0 for new ones in
            every epoch.
        clip_norm: the gradient's length is bounded by this, see `clip_gradients`; None for no bound.
        accumulate: in how many micro-batches a batch is computed. amp: bfloat16 where that is safe (CUDA alone).
        root_floor: see `bilinear_logits`.
    """

    epochs: int = 30
    batch_size: int = 32
    learning_rate: float = 1e-4
    weight_decay: float = 1e-6
    plateau_factor: float = 0.5
    plateau_patience: int = 2
    smallest_learning_rate: float = 1e-6
    early_stopping: int = 10
    class_weights: str | tuple[float, float] = "assumed"
    assumed_normal_share: float = 0.88
    augment: str = "original"
    views: int = 0
    scheduler: str = "plateau"
    label_smoothing: float = 0.0
    clip_norm: float | None = None
    accumulate: int = 1
    amp: bool = False
    root_floor: float = DEFAULT_ROOT_FLOOR

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise UsageError(f"epochs is {self.epochs}, expected at least 1.")
        if self.batch_size < 2:
            raise UsageError(f"The batch size is {self.batch_size}, expected at least 2, one image of each class.")
        if not 0 < self.learning_rate < math.inf:
            raise UsageError(f"The learning rate is {self.learning_rate}, expected a positive number.")
        if not 0 < self.root_floor < math.inf:
            raise UsageError(f"The root floor is {self.root_floor}, expected a positive number.")
        if self.views < 0:
            raise UsageError(f"views is {self.views}, expected 0 (new ones in every epoch) or more.")
        if not 1 <= self.accumulate <= self.batch_size // 2:
            raise UsageError(
                f"The batch is to be computed in {self.accumulate} micro-batches, expected 1 to {self.batch_size // 2} "
                f"for a batch size of {self.batch_size}: each has at least two images."
            )
        if not 0 <= self.label_smoothing < 1:
            raise UsageError(f"The label smoothing is {self.label_smoothing}, expected 0 to under 1.")
        if self.clip_norm is not None and not 0 < self.clip_norm < math.inf:
            raise UsageError(f"The gradient's norm is to be at most {self.clip_norm}, expected a positive number.")
        if isinstance(self.class_weights, str) and self.class_weights not in CLASS_WEIGHTS:
            raise UsageError(
                f"The class weights are {self.class_weights!r}, expected one of {CLASS_WEIGHTS}, or two numbers."
            )
        if not isinstance(self.class_weights, str) and not all(0 < weight < math.inf for weight in self.class_weights):
            raise UsageError(f"The class weights are {self.class_weights}, expected two positive numbers.")
        if self.scheduler not in SCHEDULERS:
            raise UsageError(f"The scheduler is {self.scheduler!r}, expected {' or '.join(map(repr, SCHEDULERS))}.")
        if self.augment not in AUGMENTATIONS:
            raise UsageError(f"augment is {self.augment!r}, expected {' or '.join(map(repr, AUGMENTATIONS))}.")
