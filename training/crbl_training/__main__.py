"""crbl-train as a module, which is how torchrun starts it."""

from crbl_training.commands import crbl_train

if __name__ == "__main__":
    crbl_train()
