"""How a model is trained; the defaults of `Recipe` are the original recipe."""

import math
from dataclasses import dataclass, replace
from typing import Any

from crbl_runtime.errors import UsageError
from crbl_runtime.variant import VARIANTS
from crbl_training.options import (
    AUGMENTATIONS,
    BEST_BY,
    CLASS_WEIGHTS,
    DEFAULT_ROOT_FLOOR,
    HEAD_STARTS,
    SCHEDULERS,
)


@dataclass(frozen=True)
class Recipe:
    """Hyperparameters of one training run.

    Attributes:
        epochs: at most this many; 0 where the head is solved and nothing else is to learn.
        head_start: "solved" by logistic regression (see `head_start.solved_head`), or "random": as the model has it.
        batch_size: images a step, half of either class.
        learning_rate, weight_decay: of Adam; the decay is L2, added to the gradient.
        best_by: which metric of the validation images tells the best epoch, one of `BEST_BY`; a plateau and the end of
            training are found by it, too.
        plateau_factor, plateau_patience, smallest_learning_rate: of torch's ReduceLROnPlateau.
        early_stopping: epochs without a better one after which training ends.
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
    head_start: str = "random"
    batch_size: int = 32
    learning_rate: float = 1e-4
    weight_decay: float = 1e-6
    best_by: str = "loss"
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

    @property
    def augmented(self) -> bool:
        """Whether there is a step, and it sees augmented images."""
        return self.epochs > 0 and self.augment != "none"

    def __post_init__(self) -> None:
        if self.head_start not in HEAD_STARTS:
            raise UsageError(
                f"The head's start is {self.head_start!r}, expected {' or '.join(map(repr, HEAD_STARTS))}."
            )
        if self.epochs < 0 or (self.epochs == 0 and self.head_start != "solved"):
            raise UsageError(
                f"epochs is {self.epochs}, expected at least 1, or 0 with --head-start solved, which needs no epochs."
            )
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
        if self.best_by not in BEST_BY:
            raise UsageError(f"best_by is {self.best_by!r}, expected {' or '.join(map(repr, BEST_BY))}.")
        if self.augment not in AUGMENTATIONS:
            raise UsageError(f"augment is {self.augment!r}, expected {' or '.join(map(repr, AUGMENTATIONS))}.")


# What is taken where no option says otherwise, by the recipe's name and the variant. The original is that of the model
# that was born in Keras; docs/real_images.md has what the recommended one was measured with.
RECIPES: dict[str, dict[str, Recipe]] = {
    "recommended": {
        "crop": Recipe(epochs=10, learning_rate=5e-4, scheduler="cosine", class_weights="balanced", best_by="auroc"),
        "full": Recipe(head_start="solved", epochs=0, class_weights="balanced", best_by="auroc"),
    },
    "original": {"crop": Recipe(), "full": Recipe()},
}
DEFAULT_RECIPE = "recommended"
# Small steps leave a head that begins at random far from its best.
RANDOM_HEAD = Recipe(learning_rate=1e-2, class_weights="balanced", best_by="auroc")


def choose_recipe(name: str, trainable: str, *, from_checkpoint: bool = False, **given: Any) -> Recipe:
    """A recipe of `RECIPES` with what a user has given in its place.

    Args:
        name: one of `RECIPES`. trainable: which parameters learn, one of `TRAINABLE`: the head alone learns by the
            full variant's recipe, and all that has backbones in it by the crop variant's, whatever the variant is.
        from_checkpoint: the head is trained already. It stays unless a user wants it solved, and takes small steps.
        given: attributes of `Recipe`; None for those that nobody has given.

    Raises:
        UsageError: the values do not go together, see `Recipe`.
    """
    variant = "full" if trainable == VARIANTS["full"].trainable else "crop"
    defaults, head_start = RECIPES[name][variant], given.get("head_start")
    if defaults.head_start == "solved" and (head_start == "random" or (from_checkpoint and head_start is None)):
        defaults = replace(RANDOM_HEAD, learning_rate=Recipe.learning_rate) if from_checkpoint else RANDOM_HEAD
    return replace(defaults, **{name: value for name, value in given.items() if value is not None})


def default_threshold_rule(recipe_name: str, *, from_checkpoint: bool) -> str:
    """How the threshold is chosen where nobody says, as a text for `parse_threshold_rule`.

    The variants' own thresholds, 0.01 and 0.5, belong to the original recipe, and a checkpoint's to the checkpoint. The
    logits of another recipe lie elsewhere: at 0.01, every one of 394 solar cells was called anomalous.
    """
    return "keep" if recipe_name == "original" or from_checkpoint else "f1"


def recipe_default(attribute: str) -> str:
    """What an attribute is where nobody gives it, as a text for --help: one value, or which of them for which."""
    values = {
        name: {variant: getattr(recipe, attribute) for variant, recipe in of_variants.items()}
        for name, of_variants in RECIPES.items()
    }
    usual, original = values[DEFAULT_RECIPE], values["original"]
    shown = _shown(usual)
    return f"[default: {shown}]" if usual == original else f"[default: {shown}; --recipe original: {_shown(original)}]"


def _shown(of_variants: dict[str, Any]) -> str:
    if len(set(of_variants.values())) == 1:
        return str(next(iter(of_variants.values())))
    return ", ".join(f"{value} for {variant}" for variant, value in of_variants.items())
