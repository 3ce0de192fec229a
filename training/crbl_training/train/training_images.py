"""The images of a run, prepared, and what is wrong with them."""

from pathlib import Path

from crbl_training.data.dataset import Split
from crbl_training.data.distinct_images import require_different_images
from crbl_training.data.image_storage import image_storage
from crbl_training.data.leakage import Leakage, find_leakage, leakage_lines, refuse_leakage, refuse_two_labels
from crbl_training.data.prepared_dataset import (
    PreparedDataset,
    description_lines,
    prepare_dataset,
    require_known_bit_depth,
)
from crbl_training.evaluation.calibration_images import require_images_to_calibrate
from crbl_training.train.config import TrainingConfig
from crbl_training.train.print_once import print_once


def prepare_images(split: Split, config: TrainingConfig, files: Path) -> tuple[PreparedDataset, PreparedDataset]:
    """The training and the validation images, prepared; prints how many there are.

    Args:
        files: the folder for those that are too many for the memory.

    Raises:
        DataError: images cannot be used, or are too few to calibrate on. What `prepare_dataset` raises.
    """
    storage = image_storage(files, config.memory_budget)
    train_set = prepare_dataset(split.train, config.spec, "training", skip_bad=config.skip_bad, storage=storage)
    rest = storage.beside(train_set.bytes_in_memory)
    validation_set = prepare_dataset(
        split.validation, config.spec, "validation", skip_bad=config.skip_bad, storage=rest
    )
    for name, prepared in (("training", train_set), ("validation", validation_set)):
        require_known_bit_depth(prepared, name)
        print_once("\n".join(description_lines(prepared, name, config.spec.region)))
    if config.calibrate is not None:
        require_images_to_calibrate(validation_set.labels.int().tolist(), config.calibrate)
    return train_set, validation_set


def look_for_leakage(train_set: PreparedDataset, validation_set: PreparedDataset, refuse: bool) -> Leakage:
    """Which images are in both sets, or nearly; prints them.

    Raises:
        DataError: an image is in both classes, or all images of a class are the same; or, with `refuse`, some are in
            both sets.
    """
    refuse_two_labels(train_set, validation_set)
    require_different_images(train_set, validation_set)
    leakage = find_leakage(train_set, validation_set)
    if refuse:
        refuse_leakage(leakage)
    print_once("\n".join(leakage_lines(leakage)))
    return leakage
