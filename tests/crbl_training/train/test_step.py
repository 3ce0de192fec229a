"""step.py: a batch in micro-batches gives the whole batch's gradients, and a full memory only more of them."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from crbl_runtime.errors import CRBLError
from crbl_training.train.batch import Batch
from crbl_training.train.optimizer import Adam
from crbl_training.train.out_of_memory import is_out_of_memory
from crbl_training.train.recipe import Recipe
from crbl_training.train.step import StepResult, TrainingStep

IMAGES = 12
LABELS = (torch.arange(IMAGES) >= IMAGES // 2).float()  # Normal images first, as `balanced_batches` gives them.


class Regression(nn.Module):
    """One linear unit on five numbers an image, with a BatchNorm that counts its batches.

    Args:
        fail: called with the number of images of each forward pass, after it.
    """

    def __init__(self, fail: Callable[[int], None] = lambda images: None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.images = torch.randn(IMAGES, 5)
        self.norm = nn.BatchNorm1d(5).eval()
        self.unit = nn.Linear(5, 1)
        self.sizes: list[int] = []
        self.fail = fail

    def source(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        return self.images[indices], self.images[indices]

    def logits_from_frozen(self, first: Tensor, second: Tensor) -> Tensor:
        self.sizes.append(len(first))
        logits = self.unit(self.norm(first)).squeeze(1)
        self.fail(len(first))
        return logits


def run(model: Regression, micro_batches: int, messages: list[str] | None = None) -> tuple[StepResult, list[Tensor]]:
    """One step on all images; its result and the gradients that it leaves."""
    notify = messages.append if messages is not None else pytest.fail
    optimizer, cpu = Adam(model.unit.parameters()), torch.device("cpu")
    step = TrainingStep(model, model.source, Recipe(), cpu, 0, optimizer, notify)
    result = step.run(Batch((torch.arange(IMAGES),), LABELS), 1, 0, micro_batches)
    return result, [parameter.grad.clone() for parameter in model.unit.parameters()]


@pytest.mark.parametrize("micro_batches", [2, 3, 5, 6])
def test_micro_batches_add_up_to_the_gradients_and_the_loss_of_the_whole(micro_batches):
    (whole, expected), (split, given) = (run(Regression(), count) for count in (1, micro_batches))
    assert split.micro_batches == micro_batches
    assert split.loss == pytest.approx(whole.loss, rel=1e-6)
    for one, other in zip(expected, given, strict=True):
        torch.testing.assert_close(other, one)


def test_every_micro_batch_has_its_share_of_either_class():
    whole = Batch((torch.arange(32), torch.arange(32) * 10), (torch.arange(32) >= 16).float())
    for part in whole.split(4):
        assert part.labels.tolist() == [0.0] * 4 + [1.0] * 4
        indices, views = part.inputs
        assert torch.equal(views, indices * 10)
        assert torch.equal(whole.labels[indices], part.labels)


MESSAGES = [
    "Could not allocate tensor with 377487360 bytes. There is not enough GPU video memory available!",
    "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 8",
]


@pytest.mark.parametrize("message", MESSAGES)
def test_full_memory_doubles_the_micro_batches_reports_it_and_leaves_no_trace(message):
    def narrow(images: int) -> None:
        if images > 3:
            raise RuntimeError(message)

    model, messages = Regression(narrow), []
    model.norm.train()
    result, given = run(model, 1, messages)
    assert model.sizes == [12, 6, 3, 3, 3, 3]
    assert result.micro_batches == 4
    assert [line for line in messages if "Each batch is computed in 4 micro-batches from now on" in line]
    assert len(messages) == 2
    undisturbed = Regression()
    undisturbed.norm.train()
    _, expected = run(undisturbed, 4)
    assert all(torch.equal(one, other) for one, other in zip(expected, given, strict=True))
    assert all(torch.equal(one, other) for one, other in zip(undisturbed.buffers(), model.buffers(), strict=True))


def test_memory_too_small_for_two_images_ends_training_with_a_way_out():
    def never(images: int) -> None:
        raise RuntimeError(MESSAGES[0])

    with pytest.raises(CRBLError, match=r"out of memory even with 2 images at a time .* smaller --image-size"):
        run(Regression(never), 1, [])


def test_other_errors_are_no_lack_of_memory():
    def broken(images: int) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        run(Regression(broken), 1)
    assert is_out_of_memory(torch.cuda.OutOfMemoryError("CUDA out of memory."))


FULL_MEMORY = """
import resource
import torch
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.train.batch import Batch
from crbl_training.train.optimizer import Adam
from crbl_training.train.recipe import Recipe
from crbl_training.train.step import TrainingStep

torch.set_num_threads(1)
torch.backends.mkldnn.enabled = False  # Full memory makes it raise "could not create a primitive".
model = CRBLDualModel("all").train()
images, labels = torch.rand(8, 3, 96, 96), (torch.arange(8) >= 4).float()
source = lambda indices: model.frozen_activations(images[indices])
step = TrainingStep(model, source, Recipe(), torch.device("cpu"), 0, Adam(model.parameters()), print)
few = torch.tensor([0, 1, 4, 5])
step.run(Batch((few,), labels[few]), 1, 0, micro_batches=2)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 100 * 2**20, -1))
result = step.run(Batch((torch.arange(8),), labels), 1, 1, micro_batches=1)
print(result.micro_batches, "finite", all(p.grad.isfinite().all() for p in model.parameters()))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the address space as Linux does")
def test_a_memory_that_is_really_full_is_recognised():
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    answer = subprocess.run([sys.executable, "-c", FULL_MEMORY], capture_output=True, text=True, env=environment)
    assert answer.returncode == 0, answer.stderr
    assert "Epoch 1, step 2: out of memory. Each batch is computed in 2 micro-batches from now on" in answer.stdout
    assert answer.stdout.splitlines()[-1].endswith("finite True")
