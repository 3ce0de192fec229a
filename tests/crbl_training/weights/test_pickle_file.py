"""pickle_file.py: tensors arrive, code is not run, and what cannot be read is named without torch's own words."""

import argparse
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from crbl_runtime.errors import CheckpointError, UnavailableError
from crbl_training.weights.pickle_file import FIRST_SAFE_TORCH, read_pth

INSTALLED = tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2])


class CreatesFile:
    """A pickle that runs code: it creates a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


class Settings:
    """Hyperparameters as an object of a program's own."""


def dump(content: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(content, protocol=2))


@pytest.mark.parametrize("write", [torch.save, dump])
def test_code_in_a_pickle_is_not_run(tmp_path, write):
    mark = tmp_path / "ran"
    write({"conv_stem.weight": CreatesFile(mark)}, tmp_path / "hostile.pth")
    with pytest.raises(CheckpointError, match=r"hostile\.pth cannot be read"):
        read_pth(tmp_path / "hostile.pth", trust_pickle=True)
    assert not mark.exists()


@pytest.mark.skipif(INSTALLED < FIRST_SAFE_TORCH, reason="older torch reads tensors and plain values only")
def test_what_programs_keep_beside_the_tensors_does_not_hinder(tmp_path):
    beside = {
        "args": argparse.Namespace(model="tf_efficientnet_b0", lr=np.float64(0.1), out=Path("runs")),
        "best": np.float32(0.5),
        "confusion": np.zeros((2, 2)),
    }
    torch.save({"state_dict": {"a": torch.ones(2)}, **beside}, tmp_path / "w.pth")
    content: Any = read_pth(tmp_path / "w.pth")
    assert torch.equal(content["state_dict"]["a"], torch.ones(2))
    assert content["args"].model == "tf_efficientnet_b0"


@pytest.mark.skipif(INSTALLED < FIRST_SAFE_TORCH, reason="older torch reads tensors and plain values only")
def test_nothing_of_numpy_is_called(tmp_path):
    """What its functions would do with a hostile file's arguments is nobody's business."""
    torch.save({"best": np.float32(0.5)}, tmp_path / "w.pth")
    content: Any = read_pth(tmp_path / "w.pth")
    assert not type(content["best"]).__module__.startswith("numpy")


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(
    ("content", "name"),
    [
        (nn.Linear(2, 2), r"torch\.nn\.modules\.linear\.Linear"),
        ({"model": nn.Linear(2, 2)}, r"torch\.nn\.modules\.linear\.Linear"),
        ({"state_dict": {"a": torch.ones(1)}, "hyper_parameters": Settings()}, r"test_pickle_file\.Settings"),
    ],
)
def test_objects_are_named_with_what_to_save_instead(tmp_path, content, name, legacy):
    torch.save(content, tmp_path / "w.ckpt", _use_new_zipfile_serialization=not legacy)
    with pytest.raises(CheckpointError, match=rf"an object of [\w.]*{name}, .*model\.state_dict\(\)") as caught:
        read_pth(tmp_path / "w.ckpt", trust_pickle=True)
    assert "\n" not in str(caught.value)
    assert "weights_only" not in str(caught.value)


def test_pickle_that_torch_did_not_write_is_said_to_be_one(tmp_path, recwarn):
    (tmp_path / "w.pkl").write_bytes(pickle.dumps({"a": torch.ones(2)}))
    with pytest.raises(CheckpointError, match=r"w\.pkl cannot be read: it is a pickle that torch\.save did not write"):
        read_pth(tmp_path / "w.pkl", trust_pickle=True)
    assert not recwarn.list


@pytest.mark.parametrize("version", ["2.4.1", "2.5.1+cpu", "1.13.0"])
def test_old_torch_reads_a_pickle_only_when_trusted(tmp_path, monkeypatch, version):
    torch.save({"a": torch.ones(2)}, tmp_path / "w.pth")
    monkeypatch.setattr(torch, "__version__", version)
    with pytest.raises(UnavailableError, match=r"CVE-2025-32434.*\.safetensors file, or --trust-pickle"):
        read_pth(tmp_path / "w.pth")
    content: Any = read_pth(tmp_path / "w.pth", trust_pickle=True)
    assert torch.equal(content["a"], torch.ones(2))


@pytest.mark.skipif(INSTALLED < FIRST_SAFE_TORCH, reason="it cannot do what newer versions do")
@pytest.mark.parametrize("version", ["2.6.0", "2.14.1+cu130", "3.0.0a0+git1"])
def test_new_torch_reads_a_pickle(tmp_path, monkeypatch, version):
    torch.save({"a": torch.ones(2)}, tmp_path / "w.pth")
    monkeypatch.setattr(torch, "__version__", version)
    content: Any = read_pth(tmp_path / "w.pth")
    assert torch.equal(content["a"], torch.ones(2))
