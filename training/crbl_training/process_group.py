"""Several processes that train one model, each on its own shard of every batch.

Started by torchrun: `torchrun --nproc-per-node 2 -m crbl_training ...`. Whatever is random is drawn for the whole
batch in every process, from the same seed, and each takes its own rows: so any number of processes computes what one
would.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed


@dataclass(frozen=True)
class Shard:
    """Which rows of the work are this process's: rows rank, rank + world_size, rank + 2 world_size, ..."""

    rank: int = 0
    world_size: int = 1

    def rows(self, tensor: Tensor) -> Tensor:
        """This process's rows of a tensor [N, ...]."""
        return tensor[self.rank :: self.world_size]


def launched_shard() -> Shard:
    """This process's shard as torchrun set it in the environment; without torchrun, all the work."""
    return Shard(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")))


def launched_index() -> int:
    """Which of its machine's processes this is, from 0: the number of the card that it uses."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def current_shard() -> Shard:
    """This process's shard, once the group is joined; else all the work."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return Shard()
    return Shard(distributed.get_rank(), distributed.get_world_size())


@contextmanager
def process_group(device: torch.device) -> Iterator[Shard]:
    """Join the group of processes that torchrun started, for as long as the block lasts; alone there is nothing to do.

    CPU tensors travel by gloo, CUDA tensors by NCCL.
    """
    if launched_shard().world_size == 1:
        yield Shard()
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    distributed.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    try:
        yield current_shard()
    finally:
        distributed.destroy_process_group()


def own_rows(count: int, draw: Callable[[int], Tensor]) -> Tensor:
    """Random rows for the `count` images of this process: drawn for all processes' images, cut to its own."""
    shard = current_shard()
    return shard.rows(draw(count * shard.world_size))


def broadcast_from_rank0(tensors: Iterable[Tensor]) -> None:
    """Give every process the values of rank 0, in place."""
    if current_shard().world_size > 1:
        for tensor in tensors:
            distributed.broadcast(tensor, 0)


def average_gradients(parameters: Iterable[Tensor]) -> None:
    """Replace each gradient by its mean over all processes."""
    shard = current_shard()
    if shard.world_size == 1:
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    flat /= shard.world_size
    for gradient, mean in zip(gradients, flat.split([gradient.numel() for gradient in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))


def gather_rows(own: Tensor, count: int) -> Tensor:
    """Put the rows of all processes, CPU tensors that `Shard.rows` cut out of `count`, back in order."""
    shard = current_shard()
    if shard.world_size == 1:
        return own
    rows: list[Any] = [None] * shard.world_size
    distributed.all_gather_object(rows, own)
    together = own.new_empty((count, *own.shape[1:]))
    for rank, of_rank in enumerate(rows):
        together[rank :: shard.world_size] = of_rank
    return together


class SumOverProcesses(torch.autograd.Function):
    """The sum of a tensor over all processes; its gradient is summed likewise."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        total = tensor.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        distributed.all_reduce(total)
        return total
