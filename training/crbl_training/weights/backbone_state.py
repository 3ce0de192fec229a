"""The tensors of a backbone under timm's names, out of a state dict as people save it."""

import re
from pathlib import Path

import torch
from torch import Tensor

from crbl_runtime.errors import CheckpointError

_FIRST = "conv_stem.weight"
# What torch.compile, FSDP and activation checkpointing put into the names of a module's tensors.
_TORCH_WRAPPERS = re.compile(r"(?<![^.])(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
_OTHER_HEAD = re.compile(r"(?:.*\.)?(classifier|head|fc)\.[^.]+(\..*)?")
# The counter of torch.optim.swa_utils.AveragedModel.
_AVERAGED = "n_averaged"
_BATCH_COUNT = "num_batches_tracked"
_FLOATS = (torch.float16, torch.bfloat16, torch.float64)


def backbone_state(state: dict[str, Tensor], path: Path) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Take away what wraps the names, the classifier, and other precisions than float32.

    The prefix is whatever stands before the first convolution's name ("module.", "model.backbone."). Tensors that
    belong neither to the backbone nor to a classifier stay, so that loading names them.

    Args:
        state: by name. path: the file, for messages.

    Returns:
        the tensors, floating-point ones in float32, and what is to be said about them.

    Raises:
        CheckpointError: a whole CRBL model, several networks, or weights that are no floating-point numbers.
    """
    renamed = {_TORCH_WRAPPERS.sub("", name): tensor for name, tensor in state.items()}
    if len(renamed) < len(state):
        raise CheckpointError(
            f"{path} holds the same tensors with and without torch's wrapper _orig_mod. Save one network alone."
        )
    prefix = _prefix(renamed, path)
    own = {name.removeprefix(prefix): tensor for name, tensor in renamed.items() if name.startswith(prefix)}
    rest = {name: tensor for name, tensor in renamed.items() if not name.startswith(prefix) and name != _AVERAGED}
    kept = {name: tensor for name, tensor in own.items() if not name.startswith("classifier.")} | rest
    heads = [name for name in kept if _OTHER_HEAD.fullmatch(name)]
    kept = {name: tensor for name, tensor in kept.items() if name not in heads}
    _require_floats(kept, path)
    narrow = sorted({str(tensor.dtype).removeprefix("torch.") for tensor in kept.values() if tensor.dtype in _FLOATS})
    notes = [f"without {', '.join(heads[:4])}{', …' if len(heads) > 4 else ''}"] if heads else []
    notes += [f"converted from {' and '.join(narrow)} to float32"] if narrow else []
    converted = {name: tensor.float() if tensor.dtype in _FLOATS else tensor for name, tensor in kept.items()}
    return _with_batch_counts(converted), tuple(notes)


def _require_floats(state: dict[str, Tensor], path: Path) -> None:
    for name, tensor in state.items():
        if tensor.dtype not in (*_FLOATS, torch.float32) and not name.endswith(_BATCH_COUNT):
            raise CheckpointError(
                f"{path} holds {name} as {str(tensor.dtype).removeprefix('torch.')}, expected floating-point numbers. "
                "Save the network as it was before it was quantised."
            )


def _prefix(state: dict[str, Tensor], path: Path) -> str:
    prefixes = [name.removesuffix(_FIRST) for name in state if f".{name}".endswith(f".{_FIRST}")]
    if len(prefixes) > 1:
        if {prefix.split(".")[-2] for prefix in prefixes if prefix} == {"backbone1", "backbone2"}:
            raise CheckpointError(
                f"{path} is a whole CRBL model, expected the weights of one backbone. "
                f"Go on from its checkpoint with --from-checkpoint in place of --weights."
            )
        listed = ", ".join(prefix or "no prefix" for prefix in prefixes)
        raise CheckpointError(
            f"{path} holds {len(prefixes)} networks ({listed}), expected one. Save the tensors of one of them alone."
        )
    return prefixes[0] if prefixes else ""


def _with_batch_counts(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Add the number of batches that a BatchNorm has seen: PyTorch before 0.4.1 and EMA programs do not save it."""
    suffix = ".running_var"
    counts = {f"{name.removesuffix(suffix)}.{_BATCH_COUNT}" for name in state if name.endswith(suffix)}
    return state | {name: torch.tensor(0) for name in sorted(counts - state.keys())}
