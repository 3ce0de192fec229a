"""checkpoint.py: what was written comes back, anything else is refused, and killing the writer costs nothing."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from crbl_runtime.calibration import Calibration
from crbl_runtime.errors import CheckpointError
from crbl_runtime.preprocessing import IMAGENET_MEAN, IMAGENET_STD, PreprocessingSpec
from crbl_runtime.variant import CROP, FULL
from crbl_training.checkpoint import Checkpoint, load_checkpoint, load_exactly, save_checkpoint
from crbl_training.model.crbl import create_crop_model

REMOVED = object()
CALIBRATION = Calibration("platt", slope=1.25, intercept=-2.0, images=40, anomalies=12, data_hash="ab" * 32)


def make_checkpoint(value: float = 0.5) -> Checkpoint:
    """A checkpoint with a few tensors; reading and writing does not ask which."""
    state = {
        "layer.weight": torch.arange(12, dtype=torch.float32).view(3, 4) + value,
        "layer.bias": torch.full((3,), value),
        "layer.num_batches_tracked": torch.tensor(7),
    }
    spec = PreprocessingSpec("object", 96, channel_order="bgr", mean=IMAGENET_MEAN, std=IMAGENET_STD)
    return Checkpoint(CROP, state, spec, 0.01, "by hand", {"seed": 3, "versions": {"torch": "x"}, "한글": "값"})


def assert_same(actual: Checkpoint, expected: Checkpoint) -> None:
    assert replace(actual, state={}) == replace(expected, state={})
    assert actual.state.keys() == expected.state.keys()
    for name, tensor in expected.state.items():
        assert actual.state[name].dtype == tensor.dtype
        assert torch.equal(actual.state[name], tensor)


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, Path]:
    """The .pth and the .safetensors of `make_checkpoint()`."""
    return save_checkpoint(make_checkpoint(), tmp_path / "model.pth")


def test_older_checkpoints_get_what_their_preprocessing_did_not_name(saved: tuple[Path, Path]) -> None:
    _, sidecar = saved
    spec = make_checkpoint().preprocessing.to_dict()
    added = ("arithmetic", "bit_depth", "fast_decode")
    rewrite(sidecar, preprocessing={key: value for key, value in spec.items() if key not in added})
    assert_same(load_checkpoint(sidecar), make_checkpoint())
    rewrite(sidecar, preprocessing=spec | {"arithmetic": "another one"})
    with pytest.raises(CheckpointError, match="arithmetic is 'another one'"):
        load_checkpoint(sidecar)


def test_calibration_comes_back_and_leaves_the_rest_as_it_was(tmp_path: Path) -> None:
    calibrated = replace(make_checkpoint(), calibration=CALIBRATION)
    for path in save_checkpoint(calibrated, tmp_path / "calibrated"):
        assert_same(load_checkpoint(path), calibrated)
    save_checkpoint(make_checkpoint(), tmp_path / "plain")
    assert (tmp_path / "calibrated.pth").read_bytes() == (tmp_path / "plain.pth").read_bytes()
    assert calibrated.hash == make_checkpoint().hash


def test_checkpoints_of_the_second_schema_have_no_hash_of_their_weights(saved: tuple[Path, Path]) -> None:
    rewrite(saved[1], schema_version=2, weights_sha256=REMOVED)
    assert_same(load_checkpoint(saved[0]), make_checkpoint())
    rewrite(saved[1], weights_sha256="ab" * 32)
    with pytest.raises(CheckpointError, match=r"schema version 2 with the keys .*'weights_sha256'"):
        load_checkpoint(saved[1])


def test_checkpoints_of_the_first_schema_have_no_calibration_either(saved: tuple[Path, Path]) -> None:
    rewrite(saved[1], schema_version=1, calibration=REMOVED, weights_sha256=REMOVED)
    assert_same(load_checkpoint(saved[0]), make_checkpoint())
    rewrite(saved[1], calibration=None)
    with pytest.raises(CheckpointError, match=r"schema version 1 with the keys .*'calibration'"):
        load_checkpoint(saved[1])


def rewrite(sidecar: Path, **changes: object) -> None:
    """Change the metadata of a checkpoint; `REMOVED` removes a key."""
    from safetensors import safe_open

    with safe_open(sidecar, "pt") as file:
        metadata = json.loads(file.metadata()["crbl"]) | changes
    metadata = {key: value for key, value in metadata.items() if value is not REMOVED}
    save_file(load_file(sidecar), sidecar, {"crbl": json.dumps(metadata)})


@pytest.mark.parametrize("which", [0, 1])
def test_either_file_gives_everything_back(saved, which):
    assert_same(load_checkpoint(saved[which], "crop"), make_checkpoint())


@pytest.mark.parametrize("name", ["model", "model.pth", "model.safetensors", "run.v1", "run.v1.pth", "모델.pth"])
def test_both_files_carry_the_whole_name(tmp_path, name):
    stem = name.removesuffix(".pth").removesuffix(".safetensors")
    paths = save_checkpoint(make_checkpoint(), tmp_path / name)
    assert [path.name for path in paths] == [f"{stem}.pth", f"{stem}.safetensors"]
    assert sorted(tmp_path.iterdir()) == sorted(paths)
    assert_same(load_checkpoint(paths[0]), make_checkpoint())


def test_pth_is_a_plain_state_dict(saved):
    state = torch.load(saved[0], weights_only=True)
    assert type(state) is dict
    assert all(torch.equal(state[name], tensor) for name, tensor in make_checkpoint().state.items())


def test_sidecar_holds_no_pickle_and_is_read_instead_of_the_pth(saved, monkeypatch):
    content = saved[1].read_bytes()
    header = int.from_bytes(content[:8], "little")
    assert json.loads(content[8 : 8 + header])["__metadata__"].keys() == {"crbl"}
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("a .pth was unpickled"))
    assert_same(load_checkpoint(saved[0]), make_checkpoint())


def test_tensors_that_need_gradients_or_are_transposed_are_written(tmp_path):
    weight = torch.arange(12.0).view(3, 4).requires_grad_()
    checkpoint = replace(make_checkpoint(), state={"a": weight, "b": weight.T})
    loaded = load_checkpoint(save_checkpoint(checkpoint, tmp_path / "model.pth")[1])
    assert torch.equal(loaded.state["a"], weight)
    assert torch.equal(loaded.state["b"], weight.T)


def test_same_checkpoint_gives_the_same_bytes(tmp_path):
    one, other = (save_checkpoint(make_checkpoint(), tmp_path / folder / "model.pth") for folder in ("a", "b"))
    assert one[1].read_bytes() == other[1].read_bytes()
    assert one[0].read_bytes() == other[0].read_bytes()


# Refusals


def test_values_that_are_not_finite_are_refused_by_name_and_number(tmp_path):
    checkpoint = make_checkpoint()
    checkpoint.state["layer.weight"][0, :2] = float("nan")
    checkpoint.state["layer.bias"][2] = float("inf")
    for path in save_checkpoint(checkpoint, tmp_path / "model.pth"):
        with pytest.raises(CheckpointError) as caught:
            load_checkpoint(path)
        assert "layer.weight (2 of 12 values)" in str(caught.value)
        assert "layer.bias (1 of 3 values)" in str(caught.value)


def test_weights_of_a_backbone_are_sent_to_their_option(tmp_path):
    save_file({"conv_stem.weight": torch.ones(2)}, tmp_path / "w.safetensors")
    torch.save({"module.conv_stem.weight": torch.ones(2)}, tmp_path / "v.pth")
    for name in ("w.safetensors", "v.pth"):
        with pytest.raises(CheckpointError, match="crbl-train --weights"):
            load_checkpoint(tmp_path / name)


def test_missing_file_names_the_remedy(tmp_path):
    with pytest.raises(CheckpointError, match=r"There is no checkpoint .*none\.pth\. Train one with crbl-train"):
        load_checkpoint(tmp_path / "none.pth")


def test_pth_without_its_sidecar(saved):
    saved[1].unlink()
    with pytest.raises(CheckpointError, match=r"has no model\.safetensors beside it.*Keep the two files together"):
        load_checkpoint(saved[0])


def test_sidecar_alone_is_enough(saved):
    saved[0].unlink()
    assert_same(load_checkpoint(saved[1]), make_checkpoint())


def test_changed_pth_is_not_taken_for_its_sidecar(saved):
    state = torch.load(saved[0], weights_only=True)
    torch.save(state | {"layer.bias": torch.zeros(3)}, saved[0])
    with pytest.raises(CheckpointError, match=r"model\.pth is not the file that model\.safetensors was written with"):
        load_checkpoint(saved[0])
    assert_same(load_checkpoint(saved[1]), make_checkpoint())


def test_other_variant_is_named_with_both(saved):
    with pytest.raises(CheckpointError, match=r"variant crop, but full was asked for\. Use --variant crop"):
        load_checkpoint(saved[1], "full")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_truncated_sidecar(saved, share):
    content = saved[1].read_bytes()
    saved[1].write_bytes(content[: int(len(content) * share)])
    with pytest.raises(CheckpointError, match=r"model\.safetensors is no safetensors file, or a damaged one"):
        load_checkpoint(saved[0])


def test_safetensors_of_something_else(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors", {"format": "pt"})
    with pytest.raises(CheckpointError, match=r"other\.safetensors is no CRBL checkpoint"):
        load_checkpoint(tmp_path / "other.safetensors")


@pytest.mark.parametrize("text", ["{half", "5", '"words"', "[]"])
def test_metadata_that_is_no_json_object(tmp_path, text):
    save_file({"a": torch.zeros(1)}, tmp_path / "odd.safetensors", {"crbl": text})
    with pytest.raises(CheckpointError, match=r"odd\.safetensors has"):
        load_checkpoint(tmp_path / "odd.safetensors")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema_version": 4}, r"schema version 4 .*expected version 3 .*Use the version of crbl that wrote it"),
        ({"schema_version": [1]}, r"schema version \[1\] "),
        ({"calibration": REMOVED}, "schema version 3 with the keys"),
        (
            {"calibration": asdict(CALIBRATION) | {"slope": -1.0}},
            r"cannot be read.*slope is -1\.0, expected a positive",
        ),
        ({"calibration": asdict(CALIBRATION) | {"slope": 10**400}}, "metadata that cannot be read"),
        ({"calibration": {"slope": 1.0}}, "cannot be read.*the calibration is .*expected method, slope"),
        ({"extra": 1}, "schema version 3 with the keys .*'extra'"),
        ({"threshold": REMOVED}, "schema version 3 with the keys"),
        ({"threshold": "high"}, "metadata that cannot be read.*high"),
        ({"variant": "both"}, "metadata that cannot be read.*'both'"),
        ({"preprocessing": {"region": "object"}}, "metadata that cannot be read.*preprocessing spec has the keys"),
        ({"provenance": 3}, "metadata that cannot be read"),
    ],
)
def test_metadata_of_another_form_is_named(saved, changes, message):
    rewrite(saved[1], **changes)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(saved[1])


# Hash


def test_one_bit_of_one_weight_is_noticed(saved: tuple[Path, Path]) -> None:
    content = bytearray(saved[1].read_bytes())
    content[-3] ^= 1
    saved[1].write_bytes(content)
    for path in saved:
        with pytest.raises(CheckpointError, match=r"model\.safetensors is damaged or was changed .*Copy it again"):
            load_checkpoint(path)


def test_hash_changes_with_one_value_name_or_type():
    original = make_checkpoint()
    assert make_checkpoint().hash == original.hash

    def hash_with(name: str, tensor: Tensor) -> str:
        return replace(original, state=original.state | {name: tensor}).hash

    flipped = original.state["layer.weight"].clone()
    flipped[2, 3] = torch.nextafter(flipped[2, 3], torch.tensor(torch.inf))
    others = {
        hash_with("layer.weight", flipped),
        hash_with("layer.weight", original.state["layer.weight"].view(4, 3)),
        hash_with("layer.weight", original.state["layer.weight"].view(torch.int32)),
        hash_with("layer.other", torch.zeros(1)),
    }
    assert len(others | {original.hash}) == 5


def test_hash_survives_saving(saved):
    assert load_checkpoint(saved[1]).hash == make_checkpoint().hash


def test_hash_sees_values_and_not_memory_layout():
    weight = torch.arange(12.0).view(3, 4)
    one = replace(make_checkpoint(), state={"w": weight})
    assert replace(one, state={"w": weight.T.contiguous().T}).hash == one.hash


# Models


@pytest.fixture(scope="module")
def crop_state() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return create_crop_model().state_dict()


def test_model_comes_back_in_eval_mode_with_its_variant_s_freezing(tmp_path, crop_state):
    checkpoint = replace(make_checkpoint(), state=crop_state)
    model = load_checkpoint(save_checkpoint(checkpoint, tmp_path / "m.pth")[0]).build_model()
    assert not model.training
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == 8_139_833
    assert all(torch.equal(tensor, crop_state[name]) for name, tensor in model.state_dict().items())
    full = replace(checkpoint, variant=FULL).build_model()
    assert sum(p.numel() for p in full.parameters() if p.requires_grad) == 1_638_401


def test_load_exactly_names_every_kind_of_problem_and_loads_nothing(crop_state):
    model = create_crop_model()
    before = model.classifier.bias.clone()
    state = dict(crop_state) | {"classifier.bias": before + 1, "stray": torch.zeros(1)}
    del state["backbone1.bn1.weight"]
    state["backbone2.bn2.bias"] = torch.zeros(3)
    with pytest.raises(CheckpointError) as refusal:
        load_exactly(model, state, "file.pth")
    message = str(refusal.value)
    assert "file.pth" in message
    assert "backbone1.bn1.weight is missing" in message
    assert "stray is not part of the model" in message
    assert "backbone2.bn2.bias has the shape (3,), expected (1280,)" in message
    assert torch.equal(model.classifier.bias, before)


def test_load_exactly_shortens_long_lists(crop_state):
    with pytest.raises(CheckpointError, match=rf"and {len(crop_state) - 8} more\.$"):
        load_exactly(create_crop_model(), {}, "empty.pth")


# Killed while writing

WRITER = """
import os, sys, time
from pathlib import Path
import torch
from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_runtime.variant import CROP
from crbl_training.checkpoint import Checkpoint, save_checkpoint

folder = Path(sys.argv[1])
spec = PreprocessingSpec("object")
states = [{f"t{n}": torch.full((2**17,), float(value)) for n in range(4)} for value in (0, 1)]
checkpoints = [Checkpoint(CROP, state, spec, float(value) / 2, str(value)) for value, state in enumerate(states)]
started = time.perf_counter()
save_checkpoint(checkpoints[0], folder / "model.pth")
print(time.perf_counter() - started, flush=True)
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        while True:
            for checkpoint in reversed(checkpoints):
                save_checkpoint(checkpoint, folder / "model.pth")
    print(child, flush=True)
    os.waitpid(child, 0)
    print("dead", flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes with SIGKILL")
def test_killed_at_any_moment_the_checkpoint_is_the_old_one_or_the_new_one(tmp_path):
    delays = random.Random(0)
    found = set()
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        seconds_of_one_save = float(writer.stdout.readline())
        for _ in range(20):
            writer.stdin.write("again\n")
            writer.stdin.flush()
            child = int(writer.stdout.readline())
            time.sleep(delays.uniform(0, 4 * seconds_of_one_save))
            os.kill(child, signal.SIGKILL)
            assert writer.stdout.readline() == "dead\n"
            checkpoint = load_checkpoint(tmp_path / "model.safetensors")
            (value,) = {tensor.unique().item() for tensor in checkpoint.state.values()}
            assert checkpoint.threshold_source == str(int(value))
            assert checkpoint.threshold == value / 2
            found.add(value)
            if (tmp_path / "model.pth").exists():  # It goes before its sidecar is replaced, and comes after.
                assert_same(load_checkpoint(tmp_path / "model.pth"), checkpoint)
        writer.stdin.close()
    assert found == {0.0, 1.0}
