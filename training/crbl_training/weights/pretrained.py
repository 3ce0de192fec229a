"""A backbone's pretrained weights: downloaded, or read from a file of timm or Keras."""

from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from crbl_runtime.errors import CheckpointError
from crbl_training.checkpoint import load_exactly, require_same_tensors, require_sound
from crbl_training.model.feature_extractor import EfficientNetB0FeatureExtractor
from crbl_training.weights.architecture import refuse_torchvision, require_tensorflow_padding
from crbl_training.weights.backbone_state import backbone_state
from crbl_training.weights.file_kind import FileKind, file_kind
from crbl_training.weights.hub import fetch_from_hub
from crbl_training.weights.nested_state import find_state
from crbl_training.weights.pickle_file import read_pth
from crbl_training.weights.source import TIMM_NAMES, require_source

HUB_FILE = "model.safetensors"


def load_pretrained(backbone: EfficientNetB0FeatureExtractor, source: str, *, trust_pickle: bool = False) -> str:
    """Load a backbone's weights; every tensor must be found and used.

    Args:
        source: "imagenet" or "noisy-student" (timm's, downloaded or from the hub's cache), or a path to a file of
            timm's `tf_efficientnet_b0` (torch.save, safetensors) or Keras's EfficientNet-B0, told by its content.
        trust_pickle: read a .pth even where torch is too old to do that safely.

    Returns:
        what was loaded and what was done to it, as text.

    Raises:
        UnavailableError: the weights cannot be downloaded. CheckpointError: the file holds something else, or
            values that are NaN or infinite. UsageError: there is no such file.
    """
    if source in TIMM_NAMES:
        state, _ = _read_backbone(fetch_from_hub(f"timm/{TIMM_NAMES[source]}", HUB_FILE), backbone, trust_pickle)
        load_exactly(backbone, state, TIMM_NAMES[source])
        return f"timm {TIMM_NAMES[source]}"
    require_source(source)
    path = Path(source)
    state, notes = _read_backbone(path, backbone, trust_pickle)
    load_exactly(backbone, state, str(path))
    return ", ".join((f"file {path.name}", *notes))


def _read_backbone(
    path: Path, backbone: EfficientNetB0FeatureExtractor, trust_pickle: bool
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    kind = file_kind(path)
    if kind is FileKind.KERAS:
        from crbl_training.keras import load_backbone_weights

        state = load_backbone_weights(path)
        require_sound(state, str(path))
        return state, ()
    content = _read_safetensors(path) if kind is FileKind.SAFETENSORS else read_pth(path, trust_pickle=trust_pickle)
    found, chosen = find_state(content, path)
    refuse_torchvision(found, path)
    state, changed = backbone_state(found, path)
    require_same_tensors(backbone, state, str(path))
    require_sound(state, str(path))
    return state, (require_tensorflow_padding(content, state, path), *chosen, *changed)


def _read_safetensors(path: Path) -> dict[str, object]:
    """The tensors and, beside them, the texts of the file's metadata."""
    try:
        with safe_open(path, "pt") as file:
            return {"metadata": file.metadata()} | {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise CheckpointError(f"{path} is no safetensors file, or a damaged one ({error}). Copy it again.") from error
