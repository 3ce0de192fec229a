"""crbl-train as a module, which is how torchrun starts it."""

from crbl_training.commands import train

train()
