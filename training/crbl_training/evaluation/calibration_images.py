"""Whether there are images enough to calibrate on. Imports nothing heavy: a command asks before the work begins."""

from collections.abc import Sequence

from crbl_runtime.calibration import Calibration
from crbl_runtime.counted import counted
from crbl_runtime.errors import DataError

# What the calibration is worth is measured in so many folds, each of which needs an image of either class.
FOLDS = 5
# Ten of the rarer class for each of Platt's two numbers (Peduzzi et al., J. Clin. Epidemiol. 49, 1996, 1373).
FEW_IMAGES = 20


def require_images_to_calibrate(labels: Sequence[int], method: str) -> None:
    """Make sure that a calibration can be fitted and measured.

    Args:
        labels: of the images, 0 normal, 1 anomaly. method: as the user named it.

    Raises:
        DataError: there are fewer than `FOLDS` images of a class.
    """
    for label, name in enumerate(("normal", "anomalous")):
        if labels.count(label) < FOLDS:
            raise DataError(
                f"--calibrate {method} needs at least {FOLDS} images of each class, and of "
                f"{counted(len(labels), 'validation image')} {labels.count(label)} "
                f"{'is' if labels.count(label) == 1 else 'are'} {name}. Add some, or leave the option out."
            )


def few_images_note(calibration: Calibration) -> str | None:
    """A warning about a calibration on few images; None where there were enough."""
    rarer = min(calibration.anomalies, calibration.images - calibration.anomalies)
    if rarer >= FEW_IMAGES:
        return None
    return f"Calibrated on few images ({rarer} of the rarer class, {FEW_IMAGES} are wanted): its numbers are rough."
