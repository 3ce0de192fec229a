"""What a training run is to do, but for its images."""

from dataclasses import dataclass, fields, replace
from typing import Any

from crbl_runtime.preprocessing import IMAGENET_MEAN, IMAGENET_STD, PreprocessingSpec
from crbl_runtime.variant import Variant, get_variant
from crbl_training.checkpoint import Checkpoint
from crbl_training.evaluation.threshold_rule import parse_threshold_rule
from crbl_training.options import CACHE_GIGABYTES, GIGABYTE
from crbl_training.train.recipe import DEFAULT_RECIPE, Recipe, choose_recipe, default_threshold_rule


@dataclass(frozen=True)
class TrainingConfig:
    """What is to be trained and how, but for the images; `training_config` makes one.

    Attributes:
        trainable: which parameters learn, one of `TRAINABLE`.
        recipe_name: whose defaults the recipe has, of `RECIPES`.
        start: the checkpoint to go on from, or None.
        weights: initial weights of the backbones, see `load_backbones`.
        threshold_rule: see `parse_threshold_rule`.
        defect_rate: see `parse_threshold_rule`.
        resume: go on with the unfinished run in the folder.
        calibrate: one of the runtime's calibration `METHODS`, None for no calibration.
        skip_bad: leave out images that cannot be decoded.
        fail_on_leakage: see `refuse_leakage`.
        save_steps: how often the state is written within an epoch, 0 for after each epoch only.
        cache_mode: see `CacheSettings`.
        cache_budget: see `CacheSettings`.
        memory_budget: bytes, see `image_storage`.
        workers: see `training_feed`.
        tensorboard: write event files, too.
        skip_device_check: train on DirectML without comparing a step with the CPU's first.
    """

    variant: Variant
    trainable: str
    spec: PreprocessingSpec
    recipe: Recipe
    recipe_name: str
    threshold_rule: str
    seed: int = 0
    start: Checkpoint | None = None
    weights: tuple[str, ...] = ()
    trust_pickle: bool = False
    defect_rate: float | None = None
    calibrate: str | None = None
    skip_bad: bool = False
    fail_on_leakage: bool = False
    resume: bool = False
    save_steps: int = 0
    cache_mode: str = "auto"
    cache_budget: int = CACHE_GIGABYTES * GIGABYTE
    memory_budget: int | None = None
    workers: int | None = None
    tensorboard: bool = False
    skip_device_check: bool = False


def training_config(
    variant: str,
    *,
    recipe_name: str = DEFAULT_RECIPE,
    trainable: str | None = None,
    start: Checkpoint | None = None,
    threshold_rule: str | None = None,
    region: str | None = None,
    image_size: int | None = None,
    bit_depth: int | None = None,
    imagenet_normalization: bool = False,
    **others: Any,
) -> TrainingConfig:
    """The config of a run, with what crbl-train takes where nothing is said: training_config("crop", epochs=20).

    Args:
        variant: "crop" or "full".
        recipe_name: "recommended" or "original".
        trainable: None for the variant's own.
        threshold_rule: None for `default_threshold_rule`.
        start: a checkpoint to go on from, in place of pretrained backbones.
        region: what the preprocessing has in place of the variant's, or of that of `start`; None for as it is. So are
            the next two, see `PreprocessingSpec`.
        image_size: in pixels.
        bit_depth: of 16-bit images.
        imagenet_normalization: whether to subtract the mean of ImageNet and divide by its deviation.
        others: more attributes of `TrainingConfig`, or of `Recipe` in place of the named recipe's.

    Raises:
        UsageError: the variant is unknown, or values do not go together.
        TypeError: there is no attribute of that name.
    """
    chosen = get_variant(variant)
    learning = trainable if trainable is not None else chosen.trainable
    of_recipe = {field.name: others.pop(field.name) for field in fields(Recipe) if field.name in others}
    given = {"region": region, "image_size": image_size, "bit_depth": bit_depth}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if imagenet_normalization:
        changes |= {"mean": IMAGENET_MEAN, "std": IMAGENET_STD}
    from_checkpoint = start is not None
    if threshold_rule is None:
        threshold_rule = default_threshold_rule(recipe_name, from_checkpoint=from_checkpoint)
    parse_threshold_rule(threshold_rule)
    return TrainingConfig(
        variant=chosen,
        trainable=learning,
        spec=replace(start.preprocessing if start is not None else PreprocessingSpec(chosen.region), **changes),
        recipe=choose_recipe(recipe_name, learning, from_checkpoint=from_checkpoint, **of_recipe),
        recipe_name=recipe_name,
        threshold_rule=threshold_rule,
        start=start,
        **others,
    )
