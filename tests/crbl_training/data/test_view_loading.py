"""view_loading.py: the same views from any number of workers, which never outlive who started them."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from crbl_runtime.errors import CRBLError, UnavailableError
from crbl_training.data import view_loading
from crbl_training.data.augmentation import STRONG
from crbl_training.data.view_dataset import ViewDataset
from crbl_training.data.view_loading import loaded_views

PROGRAM = Path(__file__).parents[2] / "feeding_program.py"
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


@pytest.fixture
def dataset(train_set) -> ViewDataset:
    return ViewDataset(train_set.images.clone(), STRONG, 5)


BATCHES = [[(number, 2**62 - view), (view, 3)] for number in range(4) for view in range(4)]


def test_views_and_global_generators_are_the_same_with_any_number_of_workers(dataset):
    torch.manual_seed(3)
    before, numpys = torch.get_rng_state(), np.random.get_state()[1].copy()
    given = []
    for workers in (0, 1, 2):
        with loaded_views(dataset, BATCHES, workers, pin_memory=False) as views:
            assert len(multiprocessing.active_children()) == workers
            given.append(list(views))
        assert multiprocessing.active_children() == []
    for of_workers in given:
        assert [views.shape for views in of_workers] == [(2, 32, 32, 3)] * len(BATCHES)
        assert all(torch.equal(one, dataset[batch]) for one, batch in zip(of_workers, BATCHES, strict=True))
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], numpys)


def test_an_error_of_the_block_stays_what_it_is_and_ends_the_workers(dataset):

    def write_to_a_full_disk() -> None:
        with loaded_views(dataset, BATCHES, 1, pin_memory=False) as views:
            next(views)
            raise OSError("No space left on the disk")

    with pytest.raises(OSError, match="No space left on the disk"):
        write_to_a_full_disk()
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_of_the_dataset_is_no_failure_of_a_worker(dataset, workers):
    with (
        pytest.raises(IndexError, match="out of bounds"),
        loaded_views(dataset, [[(99, 0)]], workers, pin_memory=False) as views,
    ):
        next(views)


def test_a_worker_that_dies_ends_training_with_the_way_out(dataset):
    endless = ([(0, view)] for view in range(10**9))

    def lose_a_worker() -> None:
        with loaded_views(dataset, endless, 2, pin_memory=False) as views:
            next(views)
            multiprocessing.active_children()[0].kill()
            for _ in views:
                time.sleep(0.01)

    with pytest.raises(UnavailableError, match=r"A worker that draws augmented views has failed .*Give --workers 0"):
        lose_a_worker()
    assert multiprocessing.active_children() == []


def test_images_without_room_in_shared_memory_are_refused_before_any_worker_starts(dataset, monkeypatch, tmp_path):
    monkeypatch.setattr(view_loading, "SHARED_MEMORY", tmp_path)
    monkeypatch.setattr(view_loading.shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    with (
        pytest.raises(CRBLError, match=r"0 MB of images are to be shared .* Give --workers 0, or make room"),
        loaded_views(dataset, BATCHES, 1, pin_memory=False),
    ):
        pytest.fail("no worker can have started")


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def start() -> tuple["subprocess.Popen[str]", list[int]]:
    """The program in a session of its own, and the numbers of its processes."""
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM), "40", "8", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # A job in the background ignores it.
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert process.stdout is not None
    return process, list(map(int, process.stdout.readline().split()))


def wait_until_ended(pids: list[int]) -> None:
    for _ in range(600):
        if not any(map(is_alive, pids)):
            return
        time.sleep(0.1)
    pytest.fail(f"still alive: {[pid for pid in pids if is_alive(pid)]}")


@linux
def test_ctrl_c_ends_all_and_nobody_prints_a_traceback():
    process, pids = start()
    assert process.stdout is not None
    assert process.stdout.readline() == "running\n"
    os.killpg(process.pid, signal.SIGINT)  # What a terminal does.
    _, told = process.communicate(timeout=120)
    assert (process.returncode, told) == (130, "Stopped.\n")
    assert not any(map(is_alive, pids))


@linux
def test_workers_end_when_their_parent_is_killed_while_they_start():
    process, pids = start()
    process.kill()
    process.wait()
    assert len(pids) == 2
    wait_until_ended(pids)


@linux
def test_shared_memory_that_fills_up_is_an_error_with_a_remedy():
    small = 'mount -t tmpfs -o size=300k tmpfs /dev/shm && exec "$@"'
    tried = subprocess.run(["unshare", "--map-root-user", "--mount", "sh", "-c", small, "sh", "true"], check=False)
    if tried.returncode:
        pytest.skip("no mount namespaces here")
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", small, "sh", sys.executable, str(PROGRAM)]
    answer = subprocess.run([*command, "20", "60", "1"], capture_output=True, text=True, timeout=300)
    assert answer.returncode == 3
    assert "A worker that draws augmented views has failed" in answer.stderr
    assert "Give --workers 0" in answer.stderr
