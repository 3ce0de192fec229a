"""Keras weights in: what TensorFlow trained, as PyTorch tensors. Reads HDF5 and zip, never runs what is in them."""
