"""Checkpoints: tensors and what must be known about them, without pickle."""

import hashlib
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import load_file, save
from torch import Tensor

from crbl_runtime.atomic_file import replacing_together, write_bytes
from crbl_runtime.calibration import Calibration, calibration_from_json, calibration_to_json
from crbl_runtime.errors import CheckpointError, UsageError
from crbl_runtime.preprocessing import ARITHMETIC, PreprocessingSpec
from crbl_runtime.variant import Variant, get_variant
from crbl_training.file_names import checkpoint_files
from crbl_training.model.crbl import CRBLDualModel

SCHEMA_VERSION = 3
METADATA_KEY = "crbl"
LABELS = ("normal", "anomaly")
# What metadata of older versions that are still read do not have.
OLDER_VERSIONS: dict[int, dict[str, Any]] = {
    1: {"calibration": None, "weights_sha256": None},
    2: {"weights_sha256": None},
}

# What older checkpoints do not name. Their weights fit this arithmetic: few values of an image differ, and by 1.
OLDER_PREPROCESSING = {"arithmetic": ARITHMETIC, "bit_depth": None, "fast_decode": False}


@dataclass(frozen=True)
class Checkpoint:
    """A trained model and what must be known about it.

    Attributes:
        variant: crop or full.
        state: the state dict of `CRBLDualModel`; CPU tensors.
        preprocessing: how its images were prepared.
        threshold: an image is anomalous when its probability is greater than this.
        threshold_source: how the threshold was chosen.
        provenance: where the model comes from; JSON types.
        calibration: how its logits become probabilities, or None. It belongs to these weights and this preprocessing.
    """

    variant: Variant
    state: dict[str, Tensor]
    preprocessing: PreprocessingSpec
    threshold: float
    threshold_source: str
    provenance: dict[str, Any] = field(default_factory=dict)
    calibration: Calibration | None = None

    def build_model(self) -> CRBLDualModel:
        """The model with these weights, in eval mode, on the CPU.

        Raises:
            CheckpointError: a tensor is missing, left over or of the wrong shape.
        """
        model = CRBLDualModel(self.variant.trainable)
        load_exactly(model, self.state, "checkpoint")
        return model.eval()

    @property
    def hash(self) -> str:
        """SHA-256 over names, shapes, types and values of all tensors."""
        return weights_hash(self.state)


def weights_hash(state: dict[str, Tensor]) -> str:
    """SHA-256 over names, shapes, types and values of all tensors, which are on the CPU."""
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].contiguous()
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype};".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def load_exactly(module: torch.nn.Module, state: dict[str, Tensor], source: str) -> None:
    """Load `state` into `module` where names and shapes agree one for one.

    Raises:
        CheckpointError: as `require_same_tensors`. Nothing is loaded then.
    """
    require_same_tensors(module, state, source)
    module.load_state_dict(state)


def require_same_tensors(module: torch.nn.Module, state: dict[str, Tensor], source: str) -> None:
    """Make sure that `state` has the tensors of `module`, by name and shape.

    Raises:
        CheckpointError: naming what is missing, left over or of the wrong shape.
    """
    own = module.state_dict()
    problems = [f"{name} is missing" for name in own if name not in state]
    problems += [f"{name} is not part of the model" for name in state if name not in own]
    problems += [
        f"{name} has the shape {tuple(state[name].shape)}, expected {tuple(own[name].shape)}"
        for name in own
        if name in state and state[name].shape != own[name].shape
    ]
    if problems:
        shown = "; ".join(problems[:8]) + (f"; and {len(problems) - 8} more" if len(problems) > 8 else "")
        raise CheckpointError(f"{source} does not hold the weights of this model: {shown}.")


def require_sound(state: dict[str, Tensor], source: str) -> None:
    """Make sure that no value is NaN or infinite, and no variance negative, which would make the outputs NaN.

    Raises:
        CheckpointError: naming the tensors and how many of their values are so.
    """
    broken = []
    for name, tensor in state.items():
        wrong = ~torch.isfinite(tensor)
        count = int((wrong | (tensor < 0)).sum() if name.endswith("running_var") else wrong.sum())
        if count:
            broken.append(f"{name} ({count} of {tensor.numel()} values)")
    if broken:
        shown = ", ".join(broken[:4]) + (f" and {len(broken) - 4} more tensors" if len(broken) > 4 else "")
        raise CheckpointError(
            f"{source} holds values that are NaN, infinite, or negative variances: {shown}. The training that wrote "
            "it had failed, or the file is damaged. Name an earlier checkpoint, or copy it again."
        )


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> tuple[Path, Path]:
    """Write PATH.pth (a plain state dict) and PATH.safetensors (the same tensors with everything about them).

    Args:
        path: with or without one of the two suffixes.

    Returns:
        both paths. Where one of them cannot be written, neither is, and old ones stay. A kill at any moment leaves
        the old .safetensors or the new one, and beside it its own .pth or none.
    """
    pth, sidecar = checkpoint_files(path)
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.state.items()}
    buffer = io.BytesIO()
    torch.save(state, buffer)
    metadata = {
        "schema_version": SCHEMA_VERSION,
        "variant": checkpoint.variant.name,
        "preprocessing": checkpoint.preprocessing.to_dict(),
        "threshold": checkpoint.threshold,
        "threshold_source": checkpoint.threshold_source,
        "labels": list(LABELS),
        "provenance": checkpoint.provenance,
        "calibration": calibration_to_json(checkpoint.calibration),
        "pth_sha256": hashlib.sha256(buffer.getbuffer()).hexdigest(),
        "weights_sha256": weights_hash(state),
    }
    content = save(state, metadata={METADATA_KEY: json.dumps(metadata, sort_keys=True)})
    with replacing_together(pth.parent, always=sidecar.name) as new:
        write_bytes(new / pth.name, buffer.getvalue())
        write_bytes(new / sidecar.name, content)
    return pth, sidecar


def load_checkpoint(path: Path, variant: str | None = None) -> Checkpoint:
    """Read a checkpoint written by `save_checkpoint`; nothing in it is executed.

    A .pth is never unpickled: its .safetensors sidecar is read, once its hash shows that the two belong together.

    Args:
        path: the .safetensors or the .pth file.
        variant: the variant it must be of, None for either.

    Raises:
        CheckpointError: missing, damaged, changed, without its sidecar, of the other variant, or with values that
            `require_sound` refuses.
    """
    if not path.is_file():
        raise CheckpointError(f"There is no checkpoint {path}. Train one with crbl-train, or name an existing file.")
    sidecar = _sidecar(path)
    if not sidecar.is_file():
        raise CheckpointError(
            f"{path} has no {sidecar.name} beside it, which holds how its images are prepared. "
            "Keep the two files together, or train or convert the model again. "
            "The weights of a backbone alone are for crbl-train --weights."
        )
    metadata = _read_metadata(sidecar)
    if path.suffix.lower() == ".pth" and hashlib.sha256(path.read_bytes()).hexdigest() != metadata["pth_sha256"]:
        raise CheckpointError(
            f"{path.name} is not the file that {sidecar.name} was written with. Name {sidecar.name} itself."
        )
    if variant is not None and metadata["variant"] != variant:
        raise CheckpointError(
            f"{path} is a checkpoint of the variant {metadata['variant']}, but {variant} was asked for. "
            f"Use --variant {metadata['variant']}, or name a checkpoint of {variant}."
        )
    state = load_file(sidecar)
    require_sound(state, str(sidecar))
    if metadata["weights_sha256"] not in (None, weights_hash(state)):
        raise CheckpointError(
            f"{sidecar} is damaged or was changed after it was written: its weights do not have the SHA-256 that it "
            "records. Copy it again."
        )
    try:
        return Checkpoint(
            variant=get_variant(metadata["variant"]),
            state=state,
            preprocessing=PreprocessingSpec.from_dict(OLDER_PREPROCESSING | metadata["preprocessing"]),
            threshold=float(metadata["threshold"]),
            threshold_source=str(metadata["threshold_source"]),
            provenance=dict(metadata["provenance"]),
            calibration=calibration_from_json(metadata["calibration"]),
        )
    except (UsageError, TypeError, ValueError, OverflowError) as error:
        raise CheckpointError(f"{sidecar} has metadata that cannot be read: {error}") from error


def _sidecar(path: Path) -> Path:
    """The .safetensors file of a checkpoint, or the one named so in capitals, where that is what is there."""
    if path.suffix.lower() == ".safetensors":
        return path
    usual, capitals = path.with_suffix(".safetensors"), path.with_suffix(".SAFETENSORS")
    return capitals if capitals.is_file() and not usual.is_file() else usual


def _read_metadata(path: Path) -> dict[str, Any]:
    try:
        with safetensors.safe_open(path, "pt") as file:
            text = (file.metadata() or {}).get(METADATA_KEY)
    except (safetensors.SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is no safetensors file, or a damaged one ({error}). Copy it again.") from error
    if text is None:
        raise CheckpointError(
            f"{path} is no CRBL checkpoint: it has no '{METADATA_KEY}' metadata. Train or convert one. "
            "The weights of a backbone alone are for crbl-train --weights."
        )
    try:
        metadata = dict(json.loads(text))
    except (ValueError, TypeError) as error:
        raise CheckpointError(f"{path} has metadata that cannot be read ({error}). Copy it again.") from error
    expected = {
        "schema_version", "variant", "preprocessing", "threshold", "threshold_source", "labels", "provenance",
        "calibration", "pth_sha256", "weights_sha256",
    }  # fmt: skip
    version = metadata.get("schema_version")
    added = OLDER_VERSIONS.get(version, {}) if isinstance(version, int) else {}
    if (version != SCHEMA_VERSION and not added) or set(metadata) != expected - added.keys():
        raise CheckpointError(
            f"{path} has schema version {version} with the keys {sorted(metadata)}, "
            f"expected version {SCHEMA_VERSION} with {sorted(expected)}. Use the version of crbl that wrote it."
        )
    return metadata | added
