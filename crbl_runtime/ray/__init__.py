"""Score images with Ray Data, on one machine or on a cluster. Needs the extra `ray`.

from crbl_runtime.ray import score

print(score("images", "crop.onnx", "scores", workers=2))
"""

from typing import TYPE_CHECKING

from crbl_runtime.lazy_names import lazy_names

if TYPE_CHECKING:
    from crbl_runtime.ray.dataset import scored
    from crbl_runtime.ray.job import ScoringResult, score

__all__ = ["ScoringResult", "score", "scored"]

__getattr__, __dir__ = lazy_names(__name__, __all__, {"ScoringResult": "job", "score": "job", "scored": "dataset"})
