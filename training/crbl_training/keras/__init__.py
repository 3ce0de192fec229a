"""Reads Keras weights as PyTorch tensors from HDF5 and zip files, and never runs code that is in them."""

from crbl_training.keras.backbone_weights import load_backbone_weights

__all__ = ["load_backbone_weights"]
