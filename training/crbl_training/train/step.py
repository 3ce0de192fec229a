"""One optimizer step: forward pass, loss, backward pass, update."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from crbl_runtime.counted import counted
from crbl_runtime.errors import NotFiniteError, UnavailableError
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.model.loss import training_loss
from crbl_training.process_group import average_gradients, current_shard
from crbl_training.train.batch import Batch, step_seed
from crbl_training.train.class_weights import loss_weights
from crbl_training.train.optimizer import Adam, clip_gradients
from crbl_training.train.out_of_memory import is_out_of_memory
from crbl_training.train.recipe import Recipe


@dataclass(frozen=True)
class StepResult:
    """The batch's mean loss, and in how many micro-batches it was computed: the next step begins with as many."""

    loss: float
    micro_batches: int


@dataclass(frozen=True)
class TrainingStep:
    """What a step needs in every epoch; `run` does one.

    Attributes:
        model: on the device. source: gives the frozen activations of a batch, from its inputs.
        seed: of the training run. notify: is called when the number of micro-batches is doubled.
    """

    model: CRBLDualModel
    source: Callable[..., tuple[Tensor, Tensor]]
    recipe: Recipe
    device: torch.device
    seed: int
    optimizer: Adam
    notify: Callable[[str], None]

    def run(self, batch: Batch, epoch: int, step: int, micro_batches: int) -> StepResult:
        """Move what learns along the gradient of a batch's mean loss; every process computes its own shard of it.

        Args:
            batch: this process's shard, normal images first. epoch: from 1. step: from 0.
            micro_batches: in how many the shard is computed to begin with.

        Raises:
            NotFiniteError: a logit is not finite.
            UnavailableError: the memory does not suffice for the smallest micro-batches.
        """
        on_device = Batch(batch.inputs, batch.labels.to(self.device))
        seed, when = step_seed(self.seed, epoch, step), f"Epoch {epoch}, step {step + 1}"
        result = self._compute_gradients(on_device, micro_batches, seed, when)
        average_gradients(self.model.parameters())
        if self.recipe.clip_norm is not None:
            clip_gradients(self.model.parameters(), self.recipe.clip_norm)
        self.optimizer.step()
        return result

    def _forward_and_backward(self, batch: Batch, micro_batches: int, when: str) -> float:
        """Add the gradients of the batch's mean loss to those that are there; returns the loss."""
        weights, total = loss_weights(self.recipe), 0.0
        for micro_batch in batch.split(micro_batches):
            with _precision(self.recipe, self.device):
                logits = self.model.logits_from_frozen(*self.source(*micro_batch.inputs))
            require_finite(logits, when)
            loss = training_loss(logits, micro_batch.labels, weights, self.recipe.label_smoothing)
            share = loss * (len(micro_batch.labels) / len(batch.labels))
            share.backward()
            total += float(share.detach().cpu())
        return total

    def _compute_gradients(self, batch: Batch, micro_batches: int, seed: int, when: str) -> StepResult:
        """Forward and backward pass; where the memory is full, once more from the start, in twice as many pieces."""
        while True:
            before = _copy_buffers(self.model)
            self.model.zero_grad(set_to_none=True)
            torch.manual_seed(seed)  # Of dropout and drop-path.
            try:
                return StepResult(self._forward_and_backward(batch, micro_batches, when), micro_batches)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                _require_divisible(batch, micro_batches, when, error)
            # Outside the except clause: the error holds on to the frames, and they to the tensors.
            _restore_buffers(before)
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            micro_batches *= 2
            self.notify(
                f"{when}: out of memory. Each batch is computed in {micro_batches} micro-batches from now on; "
                "only BatchNorm, which then sees smaller batches, makes a difference."
            )


def require_finite(logits: Tensor, when: str) -> None:
    """Stop on NaN or infinite logits.

    Raises:
        NotFiniteError: naming the moment and the remedy.
    """
    # On the logits, before the loss: torch-directml turns NaN into 0 in clamp and maximum, which would hide it.
    if not bool(torch.isfinite(logits.detach().cpu()).all()):
        raise NotFiniteError(
            f"{when}: the network gave NaN or infinite logits. "
            "Lower --lr, or try --device cpu to see whether the graphics driver computes wrongly."
        )


def _precision(recipe: Recipe, device: torch.device) -> AbstractContextManager[object]:
    # Entered for --amp alone: torch-directml knows no autocast.
    return torch.autocast(device.type, torch.bfloat16) if recipe.amp else nullcontext()


def _require_divisible(batch: Batch, micro_batches: int, when: str, error: RuntimeError) -> None:
    if current_shard().world_size > 1:
        # The others would wait for this process, whose BatchNorms sum over all of them once in every micro-batch.
        raise UnavailableError(
            f"{when}: out of memory ({error}). Give a smaller --batch-size or a larger --accumulate."
        ) from error
    if micro_batches * 2 > len(batch.labels):
        at_a_time = -(-len(batch.labels) // micro_batches)
        raise UnavailableError(
            f"{when}: out of memory even with {counted(at_a_time, 'image')} at a time ({error}). "
            "Close other programs, or give a smaller --image-size."
        ) from error


def _copy_buffers(model: nn.Module) -> list[tuple[Tensor, Tensor]]:
    """The buffers that a forward pass changes, those of layers in training mode, each with a copy."""
    learning = [module for module in model.modules() if module.training]
    return [(buffer, buffer.clone()) for module in learning for buffer in module.buffers(recurse=False)]


def _restore_buffers(copies: list[tuple[Tensor, Tensor]]) -> None:
    for buffer, copied in copies:
        buffer.copy_(copied)
