"""What a training run is to do, but for its images."""

from dataclasses import dataclass

from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_runtime.variant import Variant
from crbl_training.checkpoint import Checkpoint
from crbl_training.train.recipe import Recipe


@dataclass(frozen=True)
class TrainingConfig:
    """What is to be trained and how, but for the images.

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
    seed: int
    start: Checkpoint | None
    weights: tuple[str, ...]
    trust_pickle: bool
    threshold_rule: str
    defect_rate: float | None
    calibrate: str | None
    skip_bad: bool
    fail_on_leakage: bool
    resume: bool
    save_steps: int
    cache_mode: str
    cache_budget: int
    memory_budget: int | None
    workers: int | None
    tensorboard: bool
    skip_device_check: bool
