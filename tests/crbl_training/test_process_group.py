"""process_group.py: two processes compute what one would."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from forked_process import start_forked
from public_commands import run_command
from sharded_step import save_step

pytestmark = pytest.mark.usefixtures("few_resamples")


def free_port() -> int:
    """A port of this machine that nobody listens to."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def steps(tmp_path_factory) -> list[dict[str, Any]]:
    """What one step leaves with one process and with two."""
    folder = tmp_path_factory.mktemp("steps")
    results = []
    for world_size in (1, 2):
        path, port = folder / f"{world_size}.pt", free_port()
        processes = [start_forked(save_step, path, rank, world_size, port) for rank in range(world_size)]
        for process in processes:
            process.join()
        assert [process.exitcode for process in processes] == [0] * world_size
        results.append(torch.load(path, weights_only=True))
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


def arguments(grain_folder: Path, out: Path) -> list[str]:
    data = ("--data", str(grain_folder / "train"), "--val", str(grain_folder / "validation.csv"), "--out", str(out))
    options = ("--variant", "crop", "--device", "cpu", "--weights", "none", "--epochs", "1", "--image-size", "32")
    return [*options, "--batch-size", "16", *data]


def train_with_torchrun(grain_folder: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """With no memory for images, so that the processes share a file of them."""
    launcher = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    command = [*launcher, "-m", "crbl_training", *arguments(grain_folder, out), "--memory-budget", "0"]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})


def test_torchrun_gives_the_loss_of_one_process_and_one_set_of_files(grain_folder, tmp_path):
    losses = []
    for processes in (1, 2):
        out = tmp_path / str(processes)
        answer = (
            run_command("crbl-train", *arguments(grain_folder, out))
            if processes == 1
            else train_with_torchrun(grain_folder, out)
        )
        assert answer.returncode == 0, answer.stderr
        assert answer.stdout.count("Epoch   1") == 1
        assert json.loads((out / "metrics.json").read_text())["processes"] == processes
        losses.append(float((out / "history.csv").read_text().splitlines()[1].split(",")[2]))
        assert len(list(out.glob("CRBL_*"))) == 2
        assert (out / "prepared_images" / "training.zip").is_file() == (processes == 2)
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)


def test_batch_that_cannot_be_shared_out_is_refused(grain_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    answer = run_command("crbl-train", *arguments(grain_folder, tmp_path / "out"), "--batch-size", "15")
    assert answer.returncode == 2
    assert "A batch of 15 can't be shared out among 2 processes" in answer.stderr
    assert not (tmp_path / "out").exists()
