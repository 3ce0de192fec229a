"""The page on a training run or a cross-validation, written anew as the work goes on."""
