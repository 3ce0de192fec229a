"""A backbone's pretrained weights: downloaded, or read from a file of timm, torchvision or Keras."""

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from crbl_runtime.errors import CheckpointError, UnavailableError, UsageError
from crbl_training.checkpoint import load_exactly
from crbl_training.model.feature_extractor import EfficientNetB0FeatureExtractor
from crbl_training.weights.hub import fetch_from_hub
from crbl_training.weights.source import TIMM_NAMES, require_source
from crbl_training.weights.torchvision_names import from_torchvision

FIRST_SAFE_TORCH = (2, 6)
HUB_FILE = "model.safetensors"


def load_pretrained(backbone: EfficientNetB0FeatureExtractor, source: str, *, trust_pickle: bool = False) -> str:
    """Load a backbone's weights; every tensor must be found and used.

    Args:
        source: "imagenet" or "noisy-student" (timm's, downloaded or from the hub's cache), or a path to a file of timm,
            torchvision (.pth, .pt, .safetensors) or Keras (.h5, .keras) weights of EfficientNet-B0.
        trust_pickle: read a .pth even where torch is too old to do that safely.

    Returns:
        what was loaded, as text.

    Raises:
        UnavailableError: the weights cannot be downloaded. CheckpointError: the file holds something else.
        UsageError: there is no such file.
    """
    if source in TIMM_NAMES:
        load_exactly(backbone, _download(TIMM_NAMES[source]), TIMM_NAMES[source])
        return f"timm {TIMM_NAMES[source]}"
    require_source(source)
    path = Path(source)
    load_exactly(backbone, _read_backbone(path, trust_pickle), str(path))
    return f"file {path.name}"


def read_pth(path: Path, *, trust_pickle: bool = False) -> dict[str, Tensor]:
    """The state dict in a .pth file of unknown origin.

    Raises:
        UnavailableError: torch is older than 2.6, where even torch.load(weights_only=True) can run code from a hostile
            file (CVE-2025-32434), and `trust_pickle` is not set.
        CheckpointError: the file is damaged or holds something other than named tensors.
    """
    installed = tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2])
    if installed < FIRST_SAFE_TORCH and not trust_pickle:
        raise UnavailableError(
            f"{path} is a pickle, and torch {torch.__version__} can run code hidden in one (CVE-2025-32434, fixed in "
            "2.6). Use a .safetensors file, or --trust-pickle if you know where the file comes from."
        )
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever the damaged file provokes
        raise CheckpointError(f"{path} cannot be read as a PyTorch state dict ({error}).") from error
    state = content.get("state_dict", content) if isinstance(content, dict) else content
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise CheckpointError(f"{path} holds a {type(content).__name__}, expected a dict of named tensors.")
    return dict(state)


def _download(name: str) -> dict[str, Tensor]:
    return _without_classifier(_read_safetensors(fetch_from_hub(f"timm/{name}", HUB_FILE)))


def _read_backbone(path: Path, trust_pickle: bool) -> dict[str, Tensor]:
    readers: dict[str, Callable[[Path], dict[str, Tensor]]] = {
        ".safetensors": _read_safetensors,
        ".pth": lambda file: read_pth(file, trust_pickle=trust_pickle),
        ".pt": lambda file: read_pth(file, trust_pickle=trust_pickle),
        ".h5": _read_keras,
        ".keras": _read_keras,
    }
    if path.suffix.lower() not in readers:
        raise UsageError(f"--weights {path}: unknown kind of file, expected one ending in {', '.join(readers)}.")
    state = readers[path.suffix.lower()](path)
    return _without_classifier(from_torchvision(state) if "features.0.0.weight" in state else state)


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise CheckpointError(f"{path} is no safetensors file, or a damaged one ({error}). Copy it again.") from error


def _read_keras(path: Path) -> dict[str, Tensor]:
    from crbl_training.keras import load_backbone_weights

    return load_backbone_weights(path)


def _without_classifier(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in state.items() if not name.startswith("classifier.")}
