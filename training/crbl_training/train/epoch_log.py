"""Each epoch on a line, and in TensorBoard's files."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from crbl_training.process_group import current_shard
from crbl_training.train.config import TrainingConfig
from crbl_training.train.history import Epoch
from crbl_training.train.print_once import print_once
from crbl_training.train.tensorboard_log import tensorboard_log

TENSORBOARD_FOLDER = "tensorboard"


@contextmanager
def epoch_log(config: TrainingConfig, folder: Path) -> Iterator[Callable[[Epoch], None]]:
    """Gives the function that reports an epoch: on a line, and in TensorBoard's files if the config asks for them."""
    if not config.tensorboard or current_shard().rank > 0:
        yield _print_epoch
        return
    with tensorboard_log(folder / TENSORBOARD_FOLDER) as write:

        def log(epoch: Epoch) -> None:
            _print_epoch(epoch)
            write(epoch)

        yield log


def _print_epoch(epoch: Epoch) -> None:
    print_once(
        f"Epoch {epoch.number:3d}  loss {epoch.train_loss:.4f}  validation loss {epoch.validation.loss:.4f}  "
        f"AUROC {epoch.validation.auroc:.4f}  accuracy {epoch.validation.accuracy:.4f}  "
        f"lr {epoch.learning_rate:.1e}  {epoch.seconds:.1f} s{'  best' if epoch.best else ''}"
    )
