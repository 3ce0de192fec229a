"""Keras weights in: what TensorFlow trained, as PyTorch tensors. Reads HDF5 and zip, never runs what is in them."""

from crbl_training.keras.backbone_weights import load_backbone_weights

__all__ = ["load_backbone_weights"]
