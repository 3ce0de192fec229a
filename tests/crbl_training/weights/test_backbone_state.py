"""backbone_state.py: what wraps a backbone's names is taken away, and nothing else without a word."""

from pathlib import Path

import pytest
import torch

from crbl_runtime.errors import CheckpointError
from crbl_training.weights.backbone_state import backbone_state, without_wrappers

PATH = Path("w.pth")
STATE = {
    "conv_stem.weight": torch.full((2,), 0.25),
    "bn1.running_var": torch.ones(2),
    "bn1.num_batches_tracked": torch.tensor(5),
    "blocks.0.0.conv_dw.weight": torch.full((2,), 0.5),
}


def with_prefix(prefix: str) -> dict[str, torch.Tensor]:
    return {f"{prefix}{name}": tensor for name, tensor in STATE.items()}


@pytest.mark.parametrize(
    "prefix",
    [
        "",
        "module.",
        "backbone.",
        "model.",
        "_orig_mod.",
        "encoder.",
        "module._orig_mod.",
        "_orig_mod.module.",
        "a.b.c.",
    ],
)
def test_prefix_and_own_classifier_are_taken_away_in_silence(prefix):
    own = {f"{prefix}classifier.weight": torch.ones(1), f"{prefix}classifier.bias": torch.ones(1)}
    state, notes = backbone_state(with_prefix(prefix) | own, PATH)
    assert state.keys() == STATE.keys()
    assert all(torch.equal(state[name], tensor) for name, tensor in STATE.items())
    assert notes == ()


def test_wrappers_of_torch_inside_the_names_are_taken_away():
    names = ("module._fsdp_wrapped_module.conv_stem.weight", "module.blocks._orig_mod.0.0._checkpoint_wrapped_module.x")
    state, _ = backbone_state(without_wrappers({name: torch.ones(1) for name in names}), PATH)
    assert set(state) == {"conv_stem.weight", "blocks.0.0.x"}


def test_counter_of_averaged_weights_is_left_out():
    averaged = without_wrappers(with_prefix("module.") | {"n_averaged": torch.tensor(3)})
    state, notes = backbone_state(averaged, PATH)
    assert (state.keys(), notes) == (STATE.keys(), ())


@pytest.mark.parametrize("name", ["head.weight", "model.fc.bias", "classifier.1.weight", "model.backbone.head.weight"])
def test_foreign_head_is_left_out_and_named(name):
    state, notes = backbone_state(with_prefix("model.backbone.") | {name: torch.ones(1)}, PATH)
    assert state.keys() == STATE.keys()
    assert notes == (f"without {name}",)


@pytest.mark.parametrize("name", ["decoder.weight", "bn1.weight", "other.conv_head.weight"])
def test_other_tensors_beside_the_backbone_are_refused_by_name(name):
    with pytest.raises(CheckpointError, match=rf"names begin with encoder\.: {name}\. Save the backbone alone"):
        backbone_state(with_prefix("encoder.") | {name: torch.ones(1)}, PATH)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_converted_and_that_is_said(dtype):
    state, notes = backbone_state({name: tensor.to(dtype) for name, tensor in STATE.items()}, PATH)
    assert state["conv_stem.weight"].dtype == torch.float32
    assert torch.equal(state["conv_stem.weight"], STATE["conv_stem.weight"])
    assert notes == (f"converted from {str(dtype).removeprefix('torch.')} to float32",)


def test_quantised_weights_are_refused():
    with pytest.raises(CheckpointError, match=r"conv_stem\.weight as int8"):
        backbone_state(STATE | {"conv_stem.weight": torch.ones(2, dtype=torch.int8)}, PATH)


def test_missing_batch_counts_are_added():
    state, notes = backbone_state({"conv_stem.weight": torch.ones(1), "bn1.running_var": torch.ones(2)}, PATH)
    assert state["bn1.num_batches_tracked"] == 0
    assert notes == ()


@pytest.mark.parametrize("prefix", ["", "module."])
def test_whole_crbl_model_is_sent_to_from_checkpoint(prefix):
    state = (
        with_prefix(f"{prefix}backbone1.") | with_prefix(f"{prefix}backbone2.") | {"classifier.weight": torch.ones(1)}
    )
    with pytest.raises(CheckpointError, match=r"whole CRBL model.*--from-checkpoint"):
        backbone_state(state, PATH)


def test_two_networks_in_one_dict_are_refused():
    with pytest.raises(CheckpointError, match=r"2 networks \(student\., teacher\.\), expected one"):
        backbone_state(with_prefix("student.") | with_prefix("teacher."), PATH)
