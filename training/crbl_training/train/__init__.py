"""One step, the loop of epochs, one run, folds, and the cache of frozen activations."""
