"""The Gram matrix, and what is made of it, in files, so that a run that was stopped does not compute them again."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from crbl_runtime.atomic_file import remove_temporaries, replacing
from crbl_training.train.activation_cache import CacheSettings
from crbl_training.train.activations import ComputedActivations
from crbl_training.train.content_key import content_key


def cached_matrix(
    compute: Callable[[], NDArray[np.float64]], name: str, size: int, settings: CacheSettings
) -> tuple[NDArray[np.float64], str]:
    """A matrix from its file, or computed and, where the settings allow, written to it; and where it comes from.

    Args:
        name: of the file, with the key of all that the matrix depends on, see `gram_key`. size: of the matrix, bytes.
    """
    path = settings.folder / f"{name}.npy"
    reason = settings.why_not_cached(path, size)
    if reason is not None:
        return compute(), f"not cached: {reason}"
    if path.is_file():
        return np.load(path), f"read from {path}"
    remove_temporaries(path)
    matrix = compute()
    with replacing(path) as temporary:
        np.save(temporary, matrix)
    return matrix, f"cached in {path}"


def gram_key(source: ComputedActivations, landmarks: NDArray[np.int64] | None) -> str:
    """What the matrix depends on: both backbones, the images, how they are seen, and what computes."""
    weights = (*source.model.backbone1.state_dict().values(), *source.model.backbone2.state_dict().values())
    rest = {
        "spec": source.spec.to_dict(),
        "computed_in": "float64",
        "landmarks": landmarks.tolist() if landmarks is not None else None,
        "computed_by": [torch.__version__, np.__version__, source.device.type, torch.get_num_threads()],
    }
    return content_key(weights, source.images, rest)
