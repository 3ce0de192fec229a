"""A backbone's pretrained weights: downloaded, or read from a file of timm, torchvision or Keras."""

from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from crbl_runtime.errors import CheckpointError
from crbl_training.checkpoint import load_exactly, require_same_tensors, require_sound
from crbl_training.file_hash import file_hash
from crbl_training.model.feature_extractor import EfficientNetB0FeatureExtractor
from crbl_training.weights.architecture import ADAPTED, TORCHVISION, timm_architecture
from crbl_training.weights.backbone_state import backbone_state, without_wrappers
from crbl_training.weights.batchnorm_eps import scale_for_tensorflow_eps
from crbl_training.weights.file_kind import FileKind, file_kind
from crbl_training.weights.hub import fetch_from_hub
from crbl_training.weights.nested_state import find_state
from crbl_training.weights.network_names import require_efficientnet_b0
from crbl_training.weights.pickle_file import read_pth
from crbl_training.weights.source import TIMM_NAMES, require_source
from crbl_training.weights.torchvision_names import timm_names, torchvision_prefix

HUB_FILE = "model.safetensors"


def load_pretrained(backbone: EfficientNetB0FeatureExtractor, source: str, *, trust_pickle: bool = False) -> str:
    """Load a backbone's weights; every tensor must be found and used.

    Args:
        source: "imagenet" or "noisy-student" (timm's, downloaded or from the hub's cache), or a path to a file of
            timm's or torchvision's EfficientNet-B0 (torch.save, safetensors) or Keras's, told by its content.
        trust_pickle: read a .pth even where torch is too old to do that safely.

    Returns:
        what was loaded, what was done to it, and the file's SHA-256, as text.

    Raises:
        UnavailableError: the weights cannot be downloaded. CheckpointError: the file holds something else, or
            values that are NaN or infinite. UsageError: there is no such file.
    """
    if source in TIMM_NAMES:
        path = fetch_from_hub(f"timm/{TIMM_NAMES[source]}", HUB_FILE)
        state, _ = _read_backbone(path, backbone, trust_pickle)
        origin = [f"timm {TIMM_NAMES[source]}"]
    else:
        require_source(source)
        path = Path(source)
        state, notes = _read_backbone(path, backbone, trust_pickle)
        origin = [f"file {path.name}", *notes]
    load_exactly(backbone, state, str(path))
    return ", ".join((*origin, f"SHA-256 {file_hash(path)}"))


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
    found = without_wrappers(found)
    prefix = torchvision_prefix(found, path)
    named = timm_names(found, prefix) if prefix is not None else found
    source = str(path) if prefix is None else f"{path} (under timm's names in place of torchvision's)"
    require_efficientnet_b0(named, path)
    state, changed = backbone_state(named, path)
    require_same_tensors(backbone, state, source)
    require_sound(state, source)
    architecture = TORCHVISION if prefix is not None else timm_architecture(content, state, path)
    if architecture.tensorflow:
        return state, (architecture.text, *chosen, *changed)
    return scale_for_tensorflow_eps(state), (architecture.text, ADAPTED, *chosen, *changed)


def _read_safetensors(path: Path) -> dict[str, object]:
    """The tensors and, beside them, the texts of the file's metadata."""
    try:
        with safe_open(path, "pt") as file:
            return {"metadata": file.metadata()} | {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise CheckpointError(f"{path} is no safetensors file, or a damaged one ({error}). Copy it again.") from error
