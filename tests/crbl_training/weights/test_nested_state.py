"""nested_state.py: the network's tensors are found wherever a program put them, and no choice is silent."""

from pathlib import Path

import pytest
import torch

from crbl_runtime.errors import CheckpointError
from crbl_training.weights.nested_state import find_state

PATH = Path("w.pth")
STATE = {"module.conv_stem.weight": torch.ones(2), "module.bn1.bias": torch.ones(3)}
AVERAGE = {name: tensor + 1 for name, tensor in STATE.items()}
OPTIMIZER = {"state": {index: {"exp_avg": torch.ones(2)} for index in range(9)}, "param_groups": [{"lr": 0.1}]}


@pytest.mark.parametrize(
    "content",
    [
        STATE,
        STATE | {"epoch": 3, "best": 0.5},
        *(
            {key: STATE, "optimizer": OPTIMIZER}
            for key in ("state_dict", "model", "model_state_dict", "net", "weights")
        ),
        {"epoch": 1, "model": {"state_dict": STATE}, "optimizer": OPTIMIZER},
        {"state_dict_ema": STATE, "state_dict": None},
    ],
)
def test_state_is_found_under_any_key(content):
    state, notes = find_state(content, PATH)
    assert state.keys() == STATE.keys()
    assert notes == ()


@pytest.mark.parametrize(("one", "average"), [("state_dict", "state_dict_ema"), ("model", "model_ema"), ("net", "ema")])
def test_the_moving_average_is_taken_and_that_is_said(one, average):
    state, notes = find_state({one: STATE, average: AVERAGE, "optimizer": OPTIMIZER}, PATH)
    assert torch.equal(state["module.bn1.bias"], AVERAGE["module.bn1.bias"])
    assert notes == (f"the moving average {average} of the two networks in it ({one}, {average})",)


@pytest.mark.parametrize(
    "keys", [("student", "teacher"), ("student", "teacher", "ema"), ("model_ema", "state_dict_ema")]
)
def test_networks_between_which_nothing_decides_are_listed(keys):
    with pytest.raises(CheckpointError, match=f"weights of {len(keys)} networks \\({', '.join(keys)}\\)"):
        find_state(dict.fromkeys(keys, STATE), PATH)


@pytest.mark.parametrize("content", [[torch.zeros(1)], {"epoch": 3}, torch.zeros(3), {"a": [1]}])
def test_content_without_named_tensors_is_refused(content):
    with pytest.raises(CheckpointError, match=r"w\.pth holds a \w+, expected a dict of named tensors"):
        find_state(content, PATH)
