"""What a file of a cache was computed from, as a key: the same key, the same content."""

import hashlib
import json
from collections.abc import Iterable
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from crbl_training.data.mapped_images import Images

# Images whose pixels are read at a time.
HASHED_AT_ONCE = 1024


def content_key(tensors: Iterable[Tensor], images: Images, rest: dict[str, Any]) -> str:
    """A key of 16 hexadecimal digits that follows from the values of all of these.

    Args:
        rest: what else the content depends on, JSON types.
    """
    digest = hashlib.sha256()
    pixels = (images[numbers] for numbers in torch.arange(len(images)).split(HASHED_AT_ONCE))
    for tensor in chain(tensors, pixels):
        digest.update(tensor.detach().cpu().contiguous().numpy().data)
    digest.update(json.dumps(rest, sort_keys=True).encode())
    return digest.hexdigest()[:16]
