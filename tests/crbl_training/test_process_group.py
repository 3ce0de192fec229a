"""process_group.py: two processes compute what one would."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

STEP = """
import json, sys
import torch
from crbl_training.weights.batchnorm_calibration import calibrate_batchnorm
from crbl_training.model.loss import class_weights, training_loss
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.model.sync_batchnorm import convert_sync_batchnorm
from crbl_training.process_group import average_gradients, current_shard, gather_rows, process_group

cpu = torch.device("cpu")
with process_group(cpu) as share:
    torch.manual_seed(0)
    x, labels = torch.rand(8, 3, 64, 64), torch.tensor([0.0] * 4 + [1.0] * 4)
    model = CRBLDualModel("after-150", root_floor=1e-2)
    for backbone in (model.backbone1, model.backbone2):
        calibrate_batchnorm(backbone, [x])
    if share.world_size > 1:
        convert_sync_batchnorm(model)
    with torch.no_grad():
        model.classifier.weight.mul_(1000)  # Random ones give logits of nothing but 0.001.
    model.train()
    torch.manual_seed(1)
    logits = model(share.rows(x))
    training_loss(logits, share.rows(labels), class_weights(0.88)).backward()
    average_gradients(model.parameters())
    together = gather_rows(logits.detach(), len(x))
    if share.rank == 0:
        gradients = {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}
        statistics = {name: buffer for name, buffer in model.named_buffers()}
        torch.save({"logits": together, "gradients": gradients, "statistics": statistics}, sys.argv[1])
"""


def launch(processes: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes))
    return subprocess.run(
        [sys.executable, *(launcher if processes > 1 else ()), *arguments],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


@pytest.fixture(scope="module")
def steps(tmp_path_factory) -> list[dict]:
    """What one step leaves with one process and with two."""
    folder = tmp_path_factory.mktemp("steps")
    (folder / "step.py").write_text(STEP)
    results = []
    for processes in (1, 2):
        answer = launch(processes, str(folder / "step.py"), str(folder / f"{processes}.pt"))
        assert answer.returncode == 0, answer.stderr
        results.append(torch.load(folder / f"{processes}.pt", weights_only=True))
    return results


def test_logits_are_those_of_one_process_with_dropout_and_drop_path(steps):
    one, two = steps
    torch.testing.assert_close(two["logits"], one["logits"], rtol=1e-4, atol=1e-4)
    assert one["logits"].std() > 0.1


def test_gradients_are_those_of_one_process(steps):
    one, two = steps
    assert one["gradients"].keys() == two["gradients"].keys()
    largest = max(gradient.norm() for gradient in one["gradients"].values())
    for name, gradient in one["gradients"].items():
        # A convolution's bias before a BatchNorm has a gradient of nothing but rounding: hence the largest beside it.
        assert (two["gradients"][name] - gradient).norm() <= 1e-3 * gradient.norm() + 1e-6 * largest, name


def test_batchnorm_statistics_are_those_of_the_whole_batch(steps):
    one, two = steps
    assert one["statistics"].keys() == two["statistics"].keys()
    for name, statistic in one["statistics"].items():
        torch.testing.assert_close(two["statistics"][name], statistic, rtol=1e-4, atol=1e-6, msg=name)


def train(grain_folder: Path, out: Path, processes: int, *more: str) -> dict:
    data = ("--data", str(grain_folder / "train"), "--val", str(grain_folder / "validation.csv"), "--out", str(out))
    options = ("--variant", "crop", "--device", "cpu", "--weights", "none", "--epochs", "1", "--image-size", "64")
    answer = launch(processes, "-m", "crbl_training", *options, "--batch-size", "16", *data, *more)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.count("Epoch   1") == 1
    return json.loads((out / "metrics.json").read_text())


def test_torchrun_gives_the_loss_of_one_process_and_one_set_of_files(grain_folder, tmp_path):
    losses = []
    for processes in (1, 2):
        metrics = train(grain_folder, tmp_path / str(processes), processes)
        assert metrics["processes"] == processes
        history = (tmp_path / str(processes) / "history.csv").read_text().splitlines()[1].split(",")
        losses.append(float(history[2]))
        assert len(list((tmp_path / str(processes)).glob("CRBL_*"))) == 2
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)


def test_batch_that_cannot_be_shared_out_is_refused(grain_folder, tmp_path):
    options = ("--variant", "crop", "--device", "cpu", "--weights", "none", "--batch-size", "15")
    answer = launch(2, "-m", "crbl_training", *options, "--data", str(grain_folder / "train"))
    assert answer.returncode != 0
    assert "A batch of 15 can't be shared out among 2 processes" in answer.stderr
