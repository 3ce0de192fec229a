"""The proof of a model file: what is recorded of it, and how it is repeated on another machine, without PyTorch."""
