"""Telling a device that is out of memory from everything else that can go wrong."""

import torch

# CUDA raises a type of its own; DirectML's allocator, torch's CPU allocator on Linux and on Windows, and NNPACK raise
# RuntimeError with these words.
_WORDS = ("not enough GPU video memory", "can't allocate memory", "not enough memory", "Cannot allocate memory")


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether an operator failed because its result found no room, in the words of any device that trains."""
    return isinstance(error, torch.cuda.OutOfMemoryError) or any(word in str(error) for word in _WORDS)
