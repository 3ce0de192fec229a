"""The Gram matrix in a file, so that a run that was stopped does not compute it again."""

import hashlib
import json
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from crbl_runtime.atomic_file import remove_temporaries, replacing
from crbl_training.options import GIGABYTE
from crbl_training.train.activation_cache import CacheSettings
from crbl_training.train.activations import ComputedActivations

HASHED_AT_ONCE = 256


def cached_gram(
    compute: Callable[[], NDArray[np.float64]],
    key: str,
    size: int,
    settings: CacheSettings,
) -> tuple[NDArray[np.float64], str]:
    """The matrix from its file, or computed and, where the settings allow, written to it; and where it comes from.

    Args:
        key: of all that the matrix depends on, see `gram_key`. size: of the matrix, bytes.
    """
    if settings.mode == "off":
        return compute(), "not cached: the cache is off"
    if size > settings.budget:
        wanted = f"{size / GIGABYTE:.1f} GB would be needed"
        return compute(), f"not cached: {wanted}, --cache-budget is {settings.budget / GIGABYTE:g} GB"
    path = settings.folder / f"gram_{key}.npy"
    if path.is_file():
        return np.load(path), f"read from {path}"
    remove_temporaries(path)
    matrix = compute()
    with replacing(path) as temporary:
        np.save(temporary, matrix)
    return matrix, f"cached in {path}"


def gram_key(source: ComputedActivations, landmarks: NDArray[np.int64] | None) -> str:
    """What the matrix depends on: both backbones, the images, how they are seen, and what computes."""
    digest = hashlib.sha256()
    for backbone in (source.model.backbone1, source.model.backbone2):
        for tensor in backbone.state_dict().values():
            digest.update(tensor.detach().cpu().contiguous().numpy().data)
    for some in torch.arange(len(source.images)).split(HASHED_AT_ONCE):
        digest.update(source.images[some].numpy().data)
    rest = {
        "spec": source.spec.to_dict(),
        "computed_in": "float64",
        "landmarks": landmarks.tolist() if landmarks is not None else None,
        "computed_by": [torch.__version__, np.__version__, source.device.type, torch.get_num_threads()],
    }
    digest.update(json.dumps(rest, sort_keys=True).encode())
    return digest.hexdigest()[:16]
