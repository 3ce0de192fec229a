"""file_kind.py: files are told by what is in them, and what cannot be used is called what it is."""

import gzip
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from crbl_runtime.errors import CheckpointError
from crbl_training.weights.file_kind import FileKind, file_kind

STATE = {"conv_stem.weight": torch.ones(3)}


def test_each_kind_is_told_whatever_the_name(tmp_path):
    torch.save(STATE, tmp_path / "a.safetensors")
    torch.save(STATE, tmp_path / "b.h5", _use_new_zipfile_serialization=False)
    save_file(STATE, tmp_path / "c.pth")
    (tmp_path / "d.bin").write_bytes(b"\x89HDF\r\n\x1a\n rest")
    with zipfile.ZipFile(tmp_path / "e.ckpt", "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", b"x")
    kinds = [file_kind(path) for path in sorted(tmp_path.iterdir())]
    pickles = [FileKind.PICKLE] * 2
    assert kinds == [*pickles, FileKind.SAFETENSORS, FileKind.KERAS, FileKind.KERAS]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("w.pth", b"", "empty"),
        ("w.pth", b"\n<!DOCTYPE html><html>", "a web page"),
        ("w.safetensors", b"<html><body>404", "a web page"),
        ("w.pth", b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "git lfs pull"),
        ("w.pth", gzip.compress(b"x", mtime=0), "gzip archive: unpack"),
        ("w.pth", bytes(257) + b"ustar\x0000", "tar archive: unpack"),
        ("w.pth", b"\x08\x08\x12\x07pytorch", "an ONNX model"),
        ("w.onnx", b"\x08\x0a\x3a\x05xxxxx", "an ONNX model"),
        ("saved_model.pb", b"\x08\x01\x12\xff\x01", "SavedModel of TensorFlow"),
        ("w.tflite", b"\x1c\0\0\0TFL3", "TensorFlow Lite"),
        ("checkpoint", b'model_checkpoint_path: "ckpt-1"', "TensorFlow checkpoint"),
        ("ckpt-1.index", b"xx" + bytes.fromhex("57fb808b247547db"), "part of a TensorFlow checkpoint"),
        ("ckpt-1.data-00000-of-00001", bytes(16), "part of a TensorFlow checkpoint"),
        ("config.json", b'{"a": {"b": 1}}', "a text file"),
        ("w.pth", b"\xff" * 32, "of an unknown kind, or damaged"),
        ("w.pth", b"PK\x03\x04 cut off", "its end is missing"),
    ],
)
def test_what_is_no_weights_file_is_called_what_it_is(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        file_kind(tmp_path / name)


def test_torchscript_and_other_zips_are_told_from_state_dicts(tmp_path):
    torch.jit.script(torch.nn.ReLU()).save(str(tmp_path / "w.pt"))
    with pytest.raises(CheckpointError, match=r"TorchScript archive.*torch\.jit\.load\(\"w\.pt\"\)\.state_dict\(\)"):
        file_kind(tmp_path / "w.pt")
    np.savez(tmp_path / "w.npz", weight=np.zeros(3))
    with pytest.raises(CheckpointError, match=r"a zip archive that holds weight\.npy"):
        file_kind(tmp_path / "w.npz")
