"""training_step.py: a batch in parts gives the whole batch's gradients, and a full memory only more parts."""

import os
import subprocess
import sys

import pytest
import torch
from torch import Tensor, nn

from crbl_runtime.errors import CRBLError
from crbl_training.train.out_of_memory import is_out_of_memory
from crbl_training.train.step import Batch, Gradients, compute_gradients


def make_batch(count: int) -> Batch:
    """Normal images first, as `balanced_batches` gives them."""
    labels = (torch.arange(count) >= count // 2).float()
    return Batch(torch.arange(count), torch.zeros(count, dtype=torch.int64), labels)


class Regression(nn.Module):
    """One linear unit on five numbers an image, with a BatchNorm that counts its batches."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.images = torch.randn(12, 5)
        self.norm = nn.BatchNorm1d(5).eval()
        self.unit = nn.Linear(5, 1)
        self.sizes: list[int] = []

    def logits_of(self, batch: Batch) -> Tensor:
        self.sizes.append(len(batch.labels))
        return self.unit(self.norm(self.images[batch.indices])).squeeze(1)


def gradients(model: Regression, parts: int, logits_of=None, said=None) -> tuple[Gradients, list[Tensor]]:
    result = compute_gradients(
        model,
        logits_of if logits_of is not None else model.logits_of,
        lambda logits, labels: (logits - labels).square().mean(),
        make_batch(12),
        parts,
        0,
        "Epoch 1, step 1",
        said.append if said is not None else pytest.fail,
    )
    return result, [parameter.grad.clone() for parameter in model.unit.parameters()]


@pytest.mark.parametrize("parts", [2, 3, 5, 6])
def test_parts_add_up_to_the_gradients_and_the_loss_of_the_whole(parts):
    (whole, expected), (split, given) = (gradients(Regression(), count) for count in (1, parts))
    assert split.loss == pytest.approx(whole.loss, rel=1e-6)
    for one, other in zip(expected, given, strict=True):
        torch.testing.assert_close(other, one)


def test_every_part_has_its_share_of_either_class():
    for part in make_batch(32).parts(4):
        assert part.labels.tolist() == [0.0] * 4 + [1.0] * 4


MESSAGES = [
    "Could not allocate tensor with 377487360 bytes. There is not enough GPU video memory available!",
    "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 8",
]


@pytest.mark.parametrize("message", MESSAGES)
def test_full_memory_doubles_the_parts_says_so_and_leaves_no_trace(message):
    model, said = Regression(), []
    model.norm.train()

    def narrow(batch: Batch) -> Tensor:
        logits = model.logits_of(batch)
        if len(batch.labels) > 3:
            raise RuntimeError(message)
        return logits

    result, given = gradients(model, 1, narrow, said)
    assert model.sizes == [12, 6, 3, 3, 3, 3]
    assert result.parts == 4
    assert [line for line in said if "out of memory. Each batch is computed in 4 parts from now on" in line]
    assert len(said) == 2
    undisturbed = Regression()
    undisturbed.norm.train()
    _, expected = gradients(undisturbed, 4)
    assert all(torch.equal(one, other) for one, other in zip(expected, given, strict=True))
    assert all(torch.equal(one, other) for one, other in zip(undisturbed.buffers(), model.buffers(), strict=True))


def test_memory_too_small_for_two_images_ends_training_with_a_way_out():
    def never(batch: Batch) -> Tensor:
        raise RuntimeError(MESSAGES[0])

    with pytest.raises(CRBLError, match=r"out of memory even with 2 images at a time .* smaller --image-size"):
        gradients(Regression(), 1, never, [])


def test_other_errors_are_no_lack_of_memory():
    def broken(batch: Batch) -> Tensor:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        gradients(Regression(), 1, broken)
    assert is_out_of_memory(torch.cuda.OutOfMemoryError("CUDA out of memory."))


FULL_MEMORY = """
import resource, sys
import torch
from crbl_training.model.loss import training_loss
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.train.step import Batch, compute_gradients

torch.set_num_threads(1)
torch.backends.mkldnn.enabled = False  # It says "could not create a primitive" where a limit like this one is met.
model = CRBLDualModel("all").train()
images = torch.rand(16, 3, 96, 96)
logits_of = lambda batch: model.logits_from_frozen(*model.frozen_activations(images[batch.indices]))
loss_of = lambda logits, labels: training_loss(logits, labels, (1.0, 1.0))
batch = Batch(torch.arange(16), torch.zeros(16, dtype=torch.int64), (torch.arange(16) >= 8).float())
compute_gradients(model, logits_of, loss_of, batch, 8, 0, "Before", print)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 200 * 2**20, -1))
result = compute_gradients(model, logits_of, loss_of, batch, 1, 0, "Epoch 1, step 1", print)
print("parts", result.parts, "finite", all(p.grad.isfinite().all() for p in model.parameters()))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the address space as Linux does")
def test_a_memory_that_is_really_full_is_recognised():
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    answer = subprocess.run([sys.executable, "-c", FULL_MEMORY], capture_output=True, text=True, env=environment)
    assert answer.returncode == 0, answer.stderr
    assert "Epoch 1, step 1: out of memory. Each batch is computed in 2 parts from now on" in answer.stdout
    assert answer.stdout.splitlines()[-1].endswith("finite True")
