"""The first provider that starts and computes rightly is used, and the others have a reason.

The CPU provider stands in for DirectML's, so that there is a GPU to test at load.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from crbl_runtime import Detector, UnavailableError, UsageError
from crbl_runtime.contract import ModelContract, SelfTest
from crbl_runtime.errors import NotFiniteError, WrongResultsError
from crbl_runtime.execution_provider import Provider
from crbl_runtime.model_sessions import ModelSessions
from crbl_runtime.options import EXECUTION_PROVIDERS
from crbl_runtime.provider_choice import choose_provider, run_self_test
from public_commands import Trained
from rewritten_model import rewritten


@pytest.fixture
def cpu_as_directml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXECUTION_PROVIDERS, "directml", "CPUExecutionProvider")
    monkeypatch.setattr(Provider, "to_onnxruntime", lambda provider: ("CPUExecutionProvider", {}))


@pytest.fixture(scope="module")
def contract(crop: Trained) -> ModelContract:
    with Detector(crop.model, "cpu") as detector:
        return detector.contract


def with_other_reference(contract: ModelContract, difference: float) -> ModelContract:
    """A contract that expects other logits: to it, a driver that computes rightly is wrong."""
    logits = tuple(logit + difference for logit in contract.self_test.logits)
    return replace(contract, self_test=SelfTest(logits, contract.self_test.tolerance))


def file_with_other_reference(crop: Trained, target: Path, difference: float) -> Path:
    with Detector(crop.model, "cpu") as detector:
        self_test = with_other_reference(detector.contract, difference).self_test
    target.write_bytes(rewritten(crop.model.read_bytes(), self_test=self_test))
    return target


def test_unknown_providers_are_a_usage_error_and_absent_ones_say_what_is_there(crop: Trained) -> None:
    with pytest.raises(UsageError, match="DirectML"):
        Detector(crop.model, provider="DirectML")
    with pytest.raises(UnavailableError, match=r"it has: .*cpu"):
        Detector(crop.model, provider="cuda")


def test_a_driver_that_computes_rightly_is_used(crop: Trained, cpu_as_directml: None) -> None:
    with Detector(crop.model) as detector:
        assert (detector.provider.kind, detector.provider_report.fallback) == ("directml", None)


@pytest.fixture
def wrong_directml(cpu_as_directml: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Logits that are off by 0.01."""
    right = ModelSessions.run

    def run(sessions: ModelSessions, provider: Provider, images: np.ndarray) -> dict[str, np.ndarray]:
        outputs = right(sessions, provider, images)
        return outputs | {"logit": outputs["logit"] + 0.01} if provider.kind == "directml" else outputs

    monkeypatch.setattr(ModelSessions, "run", run)


def test_a_driver_that_computes_wrongly_is_found_at_load_and_not_used(
    crop: Trained, photographs: Path, wrong_directml: None, caplog: pytest.LogCaptureFixture
) -> None:
    with Detector(crop.model) as detector:
        prediction = detector.predict(photographs / "coffee_0.png")
    assert prediction.provider == "cpu"
    assert prediction.fallback is not None
    assert prediction.fallback.count("computes wrongly: the self-test's logits are off by 0.01") == 2
    assert "without metacommands" in prediction.fallback
    assert prediction.fallback in caplog.text
    with pytest.raises(
        WrongResultsError, match=r"off by 0\.01, allowed are 0\.001.*Use the provider 'auto' or 'cpu'\."
    ):
        Detector(crop.model, "directml")


def test_a_cpu_that_computes_wrongly_is_an_error_with_another_remedy(
    crop: Trained, photographs: Path, tmp_path: Path
) -> None:
    wrong = file_with_other_reference(crop, tmp_path / "wrong.onnx", 0.01)
    for provider in ("cpu", "auto"):
        with pytest.raises(WrongResultsError, match=r"on the CPU computes wrongly.*Install another version") as refusal:
            Detector(wrong, provider)
        of_cpu = str(refusal.value).partition(f"onnxruntime {onnxruntime.__version__} on the CPU")[2]
        assert "'cpu'" not in of_cpu
        assert "driver" not in of_cpu
    with Detector(wrong, "cpu", cpu_self_test=False) as detector:
        assert np.isfinite(detector.predict(photographs / "coffee_0.png").logit)


@pytest.mark.parametrize(("kind", "remedy"), [("cpu", "train the model again"), ("directml", "Try the provider 'cpu'")])
def test_a_logit_that_is_nan_has_a_remedy_that_fits_the_provider(
    crop: Trained, photographs: Path, cpu_as_directml: None, monkeypatch: pytest.MonkeyPatch, kind: str, remedy: str
) -> None:
    with Detector(crop.model, kind) as detector:
        right = ModelSessions.run
        nan = np.float32("nan")
        monkeypatch.setattr(ModelSessions, "run", lambda *given: {**right(*given), "logit": np.array([nan])})
        with pytest.raises(NotFiniteError, match=f"gave NaN or an infinite logit on {kind}") as failure:
            detector.predict(photographs / "coffee_0.png")
    assert remedy in str(failure.value)
    assert ("driver" in str(failure.value)) == (kind != "cpu")


def test_a_driver_whose_own_kernels_are_wrong_is_used_without_them(
    crop: Trained, contract: ModelContract, cpu_as_directml: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether metacommands are on is part of what tells two sessions apart."""
    right = ModelSessions.run

    def run(sessions: ModelSessions, provider: Provider, images: np.ndarray) -> dict[str, np.ndarray]:
        outputs = right(sessions, provider, images)
        return outputs if provider.disable_metacommands else {"logit": outputs["logit"] + 1}

    monkeypatch.setattr(ModelSessions, "run", run)
    sessions = ModelSessions(crop.model.read_bytes(), "crop.onnx", batch_size=4)
    choice = choose_provider([Provider("directml"), Provider("cpu")], sessions, contract)
    assert choice.provider == Provider("directml", disable_metacommands=True)
    (reason,) = choice.rejected
    assert "computes wrongly: the self-test's logits are off by 1, allowed" in reason
    with_and_without = [sessions.session(provider, 4) for provider in (Provider("directml"), choice.provider)]
    assert with_and_without[0] is not with_and_without[1]
    assert with_and_without[1] is sessions.session(choice.provider, 4)


def test_a_self_test_that_gives_nan_is_failed(
    crop: Trained, contract: ModelContract, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = ModelSessions(crop.model.read_bytes(), "crop.onnx", batch_size=4)
    run_self_test(Provider("cpu"), sessions, contract)
    right = ModelSessions.run
    nan = np.float32("nan")
    monkeypatch.setattr(ModelSessions, "run", lambda *given: {"logit": right(*given)["logit"] * nan})
    with pytest.raises(UnavailableError, match="off by nan"):
        run_self_test(Provider("cpu"), sessions, contract)
