"""The fused head against pooling, dropout and the linear layer as stock operators: CPU time and peak memory.

    python benchmarks/bilinear_head.py [--images 32] [--rounds 5]

Forward and backward in training mode, one thread, on feature maps as 128 pixels give them. "crop" needs the gradients
of both feature maps and of the weight, "full" the weight's alone. For the time both take turns in one process, and the
ratio is that of the medians. For the memory each runs once in a process of its own: the peak of its resident memory
(VmHWM, so on Linux only; ru_maxrss would count the parent's) less what it was before the forward pass, when the inputs
were there and a batch of one small image had loaded all code.
"""

import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import click
import torch
from torch import Tensor
from torch.nn import functional as F

from crbl_training.model.bilinear_head import DROPOUT, bilinear_logits
from crbl_training.model.bilinear_pooling import BilinearPooling

CHANNELS, SIDE = 1280, 4
FASTER, MEMORY_SHARE = 6.0, 0.15  # the targets

Head = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def stock(first: Tensor, second: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    pooled = F.dropout(BilinearPooling()(first, second), DROPOUT, training=True)
    return F.linear(pooled, weight, bias).squeeze(1)


def fused(first: Tensor, second: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return bilinear_logits(first, second, weight, bias, dropout_seeds=torch.randint(2**62, (len(first),)))


HEADS: dict[str, Head] = {"stock": stock, "fused": fused}


@click.command(epilog="Example: python benchmarks/bilinear_head.py --images 16")
@click.option("--images", type=int, default=32, show_default=True, help="The batch.")
@click.option("--rounds", type=int, default=5, show_default=True)
def main(images: int, rounds: int) -> None:
    """Print milliseconds an image, megabytes a batch, and how both compare."""
    torch.set_num_threads(1)
    for variant in ("crop", "full"):
        memory = {name: _in_own_process(name, variant, images) for name in HEADS}
        seconds = _alternate(variant, images, rounds)
        for name in HEADS:
            forward, backward = (1000 * value / images for value in seconds[name])
            click.echo(
                f"{variant} {name}: {forward:6.1f} ms forward, {backward:6.1f} ms backward an image, "
                f"{memory[name]:7.1f} MB"
            )
        ratio = sum(seconds["stock"]) / sum(seconds["fused"])
        share = memory["fused"] / memory["stock"]
        click.echo(
            f"{variant}: {ratio:.1f} times faster (target {FASTER:g}), "
            f"{100 * share:.1f} % of the memory (target {100 * MEMORY_SHARE:g} %)"
        )


def _alternate(variant: str, images: int, rounds: int) -> dict[str, tuple[float, float]]:
    """Median CPU seconds of the forward and of the backward pass, for each head."""
    inputs = _inputs(variant, images, CHANNELS)
    for head in HEADS.values():
        _run(head, inputs)
    measured: dict[str, list[tuple[float, float]]] = {name: [] for name in HEADS}
    for _ in range(rounds):
        for name, head in HEADS.items():
            measured[name].append(_run(head, inputs))
    return {
        name: (median(forward for forward, _ in times), median(backward for _, backward in times))
        for name, times in measured.items()
    }


def _in_own_process(name: str, variant: str, images: int) -> float:
    code = f"import bilinear_head; bilinear_head.print_memory({name!r}, {variant!r}, {images})"
    environment = {"OMP_NUM_THREADS": "1", "PYTHONPATH": ":".join([str(Path(__file__).parent), *sys.path])}
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    return float(answer.stdout)


def print_memory(name: str, variant: str, images: int) -> None:
    """Print how many megabytes one forward and backward pass needs at its peak, in this process."""
    _run(HEADS[name], _inputs(variant, 1, 64))
    inputs = _inputs(variant, images, CHANNELS)
    before = _peak_megabytes()
    _run(HEADS[name], inputs)
    print(_peak_megabytes() - before)


def _peak_megabytes() -> float:
    (kilobytes,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(kilobytes) / 1024


def _inputs(variant: str, images: int, channels: int) -> list[Tensor]:
    torch.manual_seed(0)
    maps = [F.silu(torch.randn(images, channels, SIDE, SIDE)) for _ in range(2)]
    if variant == "crop":
        maps = [tensor.requires_grad_() for tensor in maps]
    weight = torch.randn(1, channels * channels) / channels
    return [*maps, weight.requires_grad_(), torch.zeros(1, requires_grad=True)]


def _run(head: Head, inputs: list[Tensor]) -> tuple[float, float]:
    """CPU seconds of a forward and of a backward pass."""
    for tensor in inputs:
        tensor.grad = None
    start = time.process_time()
    loss = head(*inputs).square().mean()
    middle = time.process_time()
    loss.backward()
    return middle - start, time.process_time() - middle


if __name__ == "__main__":
    main()
