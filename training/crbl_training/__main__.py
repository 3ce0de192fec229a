"""crbl-train as a module, which is how torchrun starts it."""

from crbl_training.commands import crbl_train

crbl_train()
