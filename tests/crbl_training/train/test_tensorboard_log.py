"""tensorboard_log.py: TensorBoard's own reader finds every epoch once."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from crbl_runtime.errors import UnavailableError
from crbl_training.evaluation.metrics import compute_metrics
from crbl_training.train.history import Epoch
from crbl_training.train.tensorboard_log import tensorboard_log

METRICS = compute_metrics(torch.tensor([-1.0, 2.0, 1.0, 3.0]), torch.tensor([0.0, 1.0, 0.0, 1.0]), 0.5)


def epoch(number: int, train_loss: float = 0.5) -> Epoch:
    validation = replace(METRICS, loss=1 / number, auroc=1 - 1 / (number + 1), accuracy=0.7)
    return Epoch(number, 1e-4 / number, train_loss, validation, False, 0.25)


def read_points(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard would show: (step, value) of each chart."""
    reader = EventAccumulator(str(folder)).Reload()
    return {tag: [(event.step, event.value) for event in reader.Scalars(tag)] for tag in reader.Tags()["scalars"]}


def write(folder: Path, epochs: Iterable[Epoch]) -> None:
    with tensorboard_log(folder) as log:
        for each in epochs:
            log(each)


def test_every_metric_of_every_epoch_is_read_back(tmp_path):
    write(tmp_path, [epoch(1), epoch(2), epoch(3)])
    points = read_points(tmp_path)
    expected = {
        "loss/training": [0.5, 0.5, 0.5],
        "loss/validation": [1, 1 / 2, 1 / 3],
        "validation/auroc": [1 / 2, 2 / 3, 3 / 4],
        "validation/accuracy": [0.7, 0.7, 0.7],
        "learning_rate": [1e-4, 1e-4 / 2, 1e-4 / 3],
    }
    assert points.keys() == expected.keys()
    for tag, values in expected.items():
        assert points[tag] == [(step, pytest.approx(value, rel=1e-6)) for step, value in enumerate(values, start=1)]


def test_a_resumed_run_has_no_point_twice(tmp_path):
    write(tmp_path, [epoch(1, 0.9), epoch(2, 0.8), epoch(3, 0.7)])
    write(tmp_path, [epoch(3, 0.6), epoch(4, 0.5)])
    losses = [(1, 0.9), (2, 0.8), (3, 0.6), (4, 0.5)]
    assert read_points(tmp_path)["loss/training"] == [(step, pytest.approx(value)) for step, value in losses]


def test_a_new_run_replaces_the_one_before_it(tmp_path):
    write(tmp_path, [epoch(1, 0.9), epoch(2, 0.8)])
    write(tmp_path, [epoch(1, 0.7)])
    assert read_points(tmp_path)["loss/training"] == [(1, pytest.approx(0.7))]


def test_an_epoch_can_be_read_before_the_run_ends(tmp_path):
    with tensorboard_log(tmp_path) as log:
        log(epoch(1))
        assert [step for step, _ in read_points(tmp_path)["loss/training"]] == [1]
        log(epoch(2))
        assert [step for step, _ in read_points(tmp_path)["loss/training"]] == [1, 2]


def test_epochs_before_an_error_stay(tmp_path):
    def epochs() -> Iterator[Epoch]:
        yield epoch(1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, epochs())
    assert [step for step, _ in read_points(tmp_path)["loss/training"]] == [1]


def test_a_run_without_an_epoch_leaves_no_file(tmp_path):
    write(tmp_path, [])
    assert not list(tmp_path.iterdir())


def test_missing_package_is_named_before_the_first_epoch(tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("torch.utils.tensorboard")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)  # an import of it then fails as if it were not installed
    with pytest.raises(UnavailableError, match=r"tensorboard.*pip install \"\.\[tensorboard\]\""):
        write(tmp_path, [])
