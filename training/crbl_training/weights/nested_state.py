"""The state dict in what a training program saved: alone, or among an optimizer's state, options and metrics."""

from collections.abc import Iterator
from pathlib import Path

from torch import Tensor

from crbl_runtime.errors import CheckpointError

# timm's and torchvision's names for the first convolution: what tells a network's tensors from an optimizer's.
FIRST_CONVOLUTIONS = ("conv_stem.weight", "features.0.0.weight")
_DEPTH = 5


def find_state(content: object, path: Path) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The tensors of one network, by name.

    Of the network and its moving average ("state_dict_ema"), which timm and others save side by side, the average is
    taken, as timm does: it is what their accuracy was measured with.

    Args:
        content: what was read from the file at `path`.

    Returns:
        the tensors, and what is to be said about the choice.

    Raises:
        CheckpointError: there are no named tensors, or those of several networks.
    """
    found = dict(_tensor_dicts(content, (), _DEPTH))
    if not found:
        raise CheckpointError(f"{path} holds a {type(content).__name__}, expected a dict of named tensors.")
    networks = {keys: state for keys, state in found.items() if _is_network(state)}
    if not networks:
        return max(found.values(), key=len), ()
    averages = [keys for keys in networks if any("ema" in key.lower().split("_") for key in keys)]
    if len(networks) == 1:
        return next(iter(networks.values())), ()
    listed = ", ".join(".".join(keys) or "the file itself" for keys in networks)
    if len(networks) > 2 or len(averages) != 1:
        raise CheckpointError(
            f"{path} holds the weights of {len(networks)} networks ({listed}). "
            'Save one of them alone: torch.save(checkpoint["NAME"], "weights.pth").'
        )
    return networks[averages[0]], (f"the moving average {'.'.join(averages[0])} of the two networks in it ({listed})",)


def _tensor_dicts(
    content: object, keys: tuple[str, ...], depth: int
) -> Iterator[tuple[tuple[str, ...], dict[str, Tensor]]]:
    if not isinstance(content, dict) or depth == 0:
        return
    tensors = {str(key): value for key, value in content.items() if isinstance(value, Tensor)}
    if tensors:
        yield keys, tensors
    for key, value in content.items():
        yield from _tensor_dicts(value, (*keys, str(key)), depth - 1)


def _is_network(state: dict[str, Tensor]) -> bool:
    return any(f".{name}".endswith(tuple(f".{first}" for first in FIRST_CONVOLUTIONS)) for name in state)
