"""Classes that are one picture many times: of them nothing can be learned, and no metric says anything."""

from crbl_runtime.counted import counted
from crbl_runtime.errors import DataError
from crbl_training.data.dataset import CLASS_NAMES
from crbl_training.data.prepared_dataset import PreparedDataset


def require_different_images(train: PreparedDataset, validation: PreparedDataset) -> None:
    """Make sure that in training no class has several files that all show the same pixels, nor has it with validation.

    Raises:
        DataError: naming two of the files.
    """
    for sets, where in (((train,), "training"), ((train, validation), "training and validation")):
        for label, name in enumerate(CLASS_NAMES):
            pixels = {
                image.path: fingerprint.pixels
                for images in sets
                for image, fingerprint in zip(images.labelled_images, images.fingerprints, strict=True)
                if image.label == label
            }
            if len(pixels) > 1 and len(set(pixels.values())) == 1:
                first, second = list(pixels)[:2]
                raise DataError(
                    f"All {counted(len(pixels), 'image')} for {where} that are {name} have the same pixels ({first}, "
                    f"{second}…), so that nothing can be learned of that class. Give different images of it."
                )
