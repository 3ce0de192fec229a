"""From a checkpoint to a model file that was proven to decide as PyTorch does."""
