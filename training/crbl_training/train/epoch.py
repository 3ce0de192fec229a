"""What one epoch came to."""

from dataclasses import dataclass

from crbl_training.evaluation.metrics import Metrics


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to. `train_loss` is weighted and augmented, `validation` is neither."""

    number: int
    learning_rate: float
    train_loss: float
    validation: Metrics
    best: bool
    seconds: float
