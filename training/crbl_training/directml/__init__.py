"""Whether torch-directml computes every operator of a training step itself, and correctly; found out without a GPU."""
