"""A run's metrics as TensorBoard event files; `tensorboard --logdir FOLDER` draws them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from crbl_runtime.errors import UnavailableError
from crbl_runtime.installation import how_to_install
from crbl_training.train.history import Epoch


@contextmanager
def tensorboard_log(folder: Path) -> Iterator[Callable[[Epoch], None]]:
    """Give a function that adds an epoch to the event files in `folder`; the files are closed when the block ends.

    The first epoch that it is given hides what the folder already has of this epoch and later ones, so that a resumed
    run has no point twice, and a run from epoch 1 on replaces the one before it. Each epoch is in the file when the
    function returns.

    Raises:
        UnavailableError: tensorboard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ModuleNotFoundError as error:
        raise UnavailableError(
            f"--tensorboard needs the package {error.name}, which is not installed. {how_to_install('tensorboard')}"
        ) from error
    writer: SummaryWriter | None = None

    def log(epoch: Epoch) -> None:
        nonlocal writer
        if writer is None:  # Not before: what is to be hidden follows from the first epoch.
            writer = SummaryWriter(str(folder), purge_step=epoch.number)
        for name, value in _scalars(epoch).items():
            writer.add_scalar(name, value, epoch.number)
        writer.flush()

    try:
        yield log
    finally:
        if writer is not None:
            writer.close()


def _scalars(epoch: Epoch) -> dict[str, float]:
    """Metrics by the name TensorBoard shows; what stands before the slash is one group of charts."""
    return {
        "loss/training": epoch.train_loss,
        "loss/validation": epoch.validation.loss,
        "validation/auroc": epoch.validation.auroc,
        "validation/accuracy": epoch.validation.accuracy,
        "learning_rate": epoch.learning_rate,
    }
