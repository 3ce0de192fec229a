"""Which node of a model file's graph is the first to compute something else than PyTorch."""
