"""The learning rate from epoch to epoch."""

from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, ReduceLROnPlateau

from crbl_training.train.recipe import Recipe


def learning_rate_scheduler(recipe: Recipe, optimizer: Optimizer) -> ReduceLROnPlateau | CosineAnnealingLR:
    """The recipe's scheduler: halved on a plateau of the validation loss, or falling along a cosine over all epochs."""
    if recipe.scheduler == "cosine":
        return CosineAnnealingLR(optimizer, T_max=recipe.epochs, eta_min=recipe.smallest_learning_rate)
    return ReduceLROnPlateau(
        optimizer,
        factor=recipe.plateau_factor,
        patience=recipe.plateau_patience,
        min_lr=recipe.smallest_learning_rate,
    )


def end_epoch(scheduler: ReduceLROnPlateau | CosineAnnealingLR, validation_loss: float) -> None:
    """Set the next epoch's learning rate."""
    if isinstance(scheduler, ReduceLROnPlateau):
        scheduler.step(validation_loss)
    else:
        scheduler.step()
