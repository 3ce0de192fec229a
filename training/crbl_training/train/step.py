"""The gradients of one step: a batch, in as many parts as the memory asks for."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from crbl_runtime.errors import CRBLError
from crbl_training.process_group import current_shard
from crbl_training.train.out_of_memory import is_out_of_memory


@dataclass(frozen=True)
class Batch:
    """Images of one step, normal ones first.

    Attributes:
        indices, views: int64 [N], which image in which augmented view. labels: float32 [N], on the device.
    """

    indices: Tensor
    views: Tensor
    labels: Tensor

    def parts(self, count: int) -> list["Batch"]:
        """`count` smaller batches, each with its share of either class."""
        return [
            Batch(self.indices[part::count], self.views[part::count], self.labels[part::count]) for part in range(count)
        ]


@dataclass(frozen=True)
class Gradients:
    """What there is beside the gradients themselves: the batch's mean loss, and in how many parts it was computed."""

    loss: float
    parts: int


def compute_gradients(
    model: nn.Module,
    logits_of: Callable[[Batch], Tensor],
    loss_of: Callable[[Tensor, Tensor], Tensor],
    batch: Batch,
    parts: int,
    seed: int,
    when: str,
    say: Callable[[str], None],
) -> Gradients:
    """Fill the gradients of all that learns with those of the batch's mean loss.

    Where the device's memory does not suffice, the batch is computed in twice as many parts, from its beginning.

    Args:
        logits_of: a batch to its logits [N]. loss_of: logits and labels to their mean loss.
        parts: in how many parts to begin with. seed: of dropout and drop-path. when: the moment, for messages.
        say: is told when the parts are doubled.

    Raises:
        CRBLError: a logit is not finite, or single images do not fit into the memory.
    """
    while True:
        before = _statistics(model)
        model.zero_grad(set_to_none=True)
        torch.manual_seed(seed)
        try:
            return Gradients(_accumulate(logits_of, loss_of, batch, parts, when), parts)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            _require_smaller_parts(batch, parts, when, error)
        # Outside the except clause: the error holds on to the frames, and they to the tensors.
        _restore(model, before)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        parts *= 2
        say(
            f"{when}: out of memory. Each batch is computed in {parts} parts from now on; "
            "only BatchNorm, which then sees smaller batches, makes a difference."
        )


def require_finite(logits: Tensor, when: str) -> None:
    """Stop on NaN or infinite logits.

    Raises:
        CRBLError: naming the moment and the remedy.
    """
    # On the logits, before the loss: torch-directml turns NaN into 0 in clamp and maximum, which would hide it.
    if not bool(torch.isfinite(logits.detach().cpu()).all()):
        raise CRBLError(
            f"{when}: the network gave NaN or infinite logits. "
            "Lower --lr, or try --device cpu to see whether the graphics driver computes wrongly."
        )


def _accumulate(
    logits_of: Callable[[Batch], Tensor],
    loss_of: Callable[[Tensor, Tensor], Tensor],
    batch: Batch,
    parts: int,
    when: str,
) -> float:
    total = 0.0
    for part in batch.parts(parts):
        logits = logits_of(part)
        require_finite(logits, when)
        loss = loss_of(logits, part.labels) * (len(part.labels) / len(batch.labels))
        loss.backward()
        total += float(loss.detach().cpu())
    return total


def _require_smaller_parts(batch: Batch, parts: int, when: str, error: RuntimeError) -> None:
    if current_shard().world_size > 1:
        raise CRBLError(
            f"{when}: out of memory ({error}). Give a smaller --batch-size or a larger --accumulate."
        ) from error
    if parts * 2 > len(batch.labels):
        raise CRBLError(
            f"{when}: out of memory even with {-(-len(batch.labels) // parts)} images at a time ({error}). "
            "Close other programs, or give a smaller --image-size."
        ) from error


def _statistics(model: nn.Module) -> dict[str, Tensor]:
    return {name: buffer.clone() for name, buffer in model.named_buffers()}


def _restore(model: nn.Module, statistics: dict[str, Tensor]) -> None:
    for name, buffer in model.named_buffers():
        buffer.copy_(statistics[name])
