"""Weights that a model starts from: a checkpoint, pretrained backbones, or calibrated random ones."""
