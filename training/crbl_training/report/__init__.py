"""The page on a training run, which is written anew after each epoch."""
