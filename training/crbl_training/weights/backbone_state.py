"""The tensors of a backbone under timm's names, out of a state dict as people save it."""

import re
from pathlib import Path

import torch
from torch import Tensor

from crbl_runtime.errors import CheckpointError

_FIRST = "conv_stem.weight"
# What torch.compile, FSDP and activation checkpointing put into the names of a module's tensors.
_TORCH_WRAPPERS = re.compile(r"(?<![^.])(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
# What a network classifies with, its own or one that was put on the backbone.
_HEAD = re.compile(r"(?:.*\.)?(?:classifier|head|fc)\..+")
# The counter of torch.optim.swa_utils.AveragedModel.
_AVERAGED = "n_averaged"
_BATCH_COUNT = "num_batches_tracked"
_CONVERTED = (torch.float16, torch.bfloat16, torch.float64)


def without_wrappers(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors without what torch's own wrappers put into their names, and without the counter of an average."""
    return {_TORCH_WRAPPERS.sub("", name): tensor for name, tensor in state.items() if name != _AVERAGED}


def backbone_state(state: dict[str, Tensor], path: Path) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Take away what stands before the names, the classifier, and other precisions than float32.

    The prefix is whatever stands before the first convolution's name ("module.", "model.backbone.").

    Args:
        state: by timm's names, see `without_wrappers`. path: the file, for messages.

    Returns:
        the tensors, floating-point ones in float32, and what is to be said about them.

    Raises:
        CheckpointError: a whole CRBL model, several networks, tensors beside the network's that are no classifier's,
            or weights that are no floating-point numbers.
    """
    prefix = _prefix(state, path)
    heads = [name for name in state if _HEAD.fullmatch(name)]
    _refuse_others([name for name in state if not name.startswith(prefix) and name not in heads], prefix, path)
    own = {name.removeprefix(prefix): tensor for name, tensor in state.items() if name not in heads}
    _require_floats(own, path)
    others = sorted({_type_name(tensor) for tensor in own.values() if tensor.dtype in _CONVERTED})
    foreign_heads = [name for name in heads if not name.startswith(f"{prefix}classifier.")]
    notes = [f"without {', '.join(foreign_heads)}"] if foreign_heads else []
    notes += [f"converted from {' and '.join(others)} to float32"] if others else []
    converted = {name: tensor.float() if tensor.dtype in _CONVERTED else tensor for name, tensor in own.items()}
    return _with_batch_counts(converted), tuple(notes)


def _refuse_others(names: list[str], prefix: str, path: Path) -> None:
    if names:
        listed = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
        raise CheckpointError(
            f"{path} holds other tensors than those of the backbone, whose names begin with {prefix}: {listed}. "
            "Save the backbone alone."
        )


def _require_floats(state: dict[str, Tensor], path: Path) -> None:
    for name, tensor in state.items():
        if tensor.dtype not in (*_CONVERTED, torch.float32) and not name.endswith(_BATCH_COUNT):
            raise CheckpointError(
                f"{path} holds {name} as {_type_name(tensor)}, expected floating-point numbers. "
                "Save the network as it was before it was quantised."
            )


def _type_name(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


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
