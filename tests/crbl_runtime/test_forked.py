"""A child of a process with a model predicts, and ends by itself."""

import subprocess
import sys
from pathlib import Path

import pytest

from crbl_runtime import UnavailableError
from crbl_runtime.execution_provider import Provider
from crbl_runtime.model_sessions import ModelSessions
from crbl_runtime.session import Session
from public_commands import Trained

PROGRAM = Path(__file__).parents[1] / "forking_program.py"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
@pytest.mark.parametrize(
    "case",
    [
        "exit_after_use",
        "exit_without_use",
        "end_at_once",
        "close_in_child",
        "fork_within_with",
        "last_reference_dropped",
        "grandchild",
        "while_others_predict",
        "while_another_decodes",
        "while_another_opens",
        "pool",
        "executor",
    ],
)
def test_a_forked_child_predicts_as_its_parent_and_ends(crop: Trained, photographs: Path, case: str) -> None:
    # Python itself warns of a fork beside threads.
    result = subprocess.run(
        [sys.executable, "-W", "ignore", PROGRAM, case, crop.model, photographs / "coffee_0.png"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "right\n", "")


def test_a_gpu_that_does_not_start_after_a_fork_says_what_to_do(crop: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = ModelSessions(crop.model.read_bytes(), "crop.onnx", batch_size=4)
    sessions.begin_anew_in_child()

    def refuse(*given: object) -> None:
        raise UnavailableError("crop.onnx does not start on cuda, device 0 (initialization error).")

    monkeypatch.setattr(Session, "__init__", refuse)
    with pytest.raises(UnavailableError, match=r"does not start on cuda.*forked.*Make the Detector after the fork"):
        sessions.session(Provider("cuda"))
