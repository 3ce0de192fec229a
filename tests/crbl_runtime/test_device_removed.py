"""A graphics device that is removed while a detector is open. A stand-in at the boundary to onnxruntime removes it."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from at_the_same_time import at_the_same_time
from crbl_runtime import Detector, onnxruntime_boundary

# As DirectML says it, from a source file of onnxruntime.
SAID = (
    "[ONNXRuntimeError] : 1 : FAIL : Non-zero status code returned while running DmlFusedNode_0_0 node. Name:'x' "
    "Status Message: C:\\a\\onnxruntime\\core\\providers\\dml\\DmlExecutionProvider\\src\\DmlCommandRecorder.cpp(371)"
    "\\onnxruntime_pybind11_state.pyd!00007FF8: (caller: 00007FF8) Exception(3) tid(1b8) {code} The GPU device "
    "instance has been suspended."
)


class Card:
    """A graphics card that is there, or is gone, with DirectML on it; it computes as the CPU does."""

    def __init__(self) -> None:
        self.code: str | None = None
        self.opened = 0
        self.back_after: int | None = None

    def require(self) -> None:
        if self.code is not None:
            raise RuntimeError(SAID.format(code=self.code))


class Sessions:
    """A session of onnxruntime on the card. One that was opened before the card was removed stays broken."""

    def __init__(self, card: Card, session: Any) -> None:
        self._card, self._session, self._broken = card, session, False

    def run(self, *arguments: Any) -> Any:
        self._broken = self._broken or self._card.code is not None
        if self._broken:
            raise RuntimeError(SAID.format(code=self._card.code or "887A0005"))
        return self._session.run(*arguments)

    def get_providers(self) -> list[str]:
        return ["DmlExecutionProvider", "CPUExecutionProvider"]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Iterator[Card]:
    card = Card()
    right = onnxruntime_boundary.open_session

    def open_session(model: bytes, providers: Any, *given: Any) -> Any:
        if providers[0][0] != "DmlExecutionProvider":
            return right(model, providers, *given)
        card.opened += 1
        card.require()
        return Sessions(card, right(model, [("CPUExecutionProvider", {})], *given))

    monkeypatch.setattr(onnxruntime_boundary, "open_session", open_session)
    built_in = ["DmlExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime_boundary, "built_in_providers", lambda: built_in)
    return card


@pytest.mark.parametrize("provider", ["auto", "directml"])
@pytest.mark.parametrize("code", ["887A0005", "887A0006", "887A0007", "887A0020"])
def test_where_it_stays_away_the_cpu_goes_on_and_the_result_says_so(
    small: Path, photographs: Path, card: Card, code: str, provider: str, caplog: pytest.LogCaptureFixture
) -> None:
    image = photographs / "coffee_0.png"
    with Detector(small, provider) as detector:
        before = detector.predict(image)
        assert (before.provider, before.fallback, before.device_removed) == ("directml", None, None)
        card.code = code
        after = detector.predict(image)
        assert (after.provider, after.logit) == ("cpu", pytest.approx(before.logit, abs=1e-5))
        assert after.fallback is not None
        assert after.device_removed is not None
        for said in (after.fallback, after.device_removed, caplog.text):
            assert f"does not run on directml, device 0 ({code} The GPU device instance" in said
            assert "the graphics device was removed or reset: update the graphics driver" in said
        assert after.device_removed.endswith("The CPU is used from now on.")
        assert detector.provider_report.removed == (after.device_removed,)
        assert detector.predict(image) == after


def test_where_it_is_back_it_is_used_once_more_and_the_next_time_the_cpu(
    small: Path, photographs: Path, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = photographs / "coffee_0.png"
    with Detector(small) as detector:
        before = detector.predict(image)
        opened = card.opened
        lose_for_one_run(card, monkeypatch)
        again = detector.predict(image)
        assert (again.provider, again.fallback, again.logit) == ("directml", None, before.logit)
        assert again.device_removed is not None
        assert again.device_removed.endswith("The model was loaded there once more.")
        assert card.opened > opened
        lose_for_one_run(card, monkeypatch)
        at_last = detector.predict(image)
        assert at_last.provider == "cpu"
        assert at_last.device_removed is not None
        assert at_last.device_removed.startswith(again.device_removed)


def lose_for_one_run(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sessions that are open break, and those that are opened afterwards work."""
    right = Sessions.run

    def run(sessions: Sessions, *arguments: Any) -> Any:
        monkeypatch.setattr(Sessions, "run", right)
        card.code = "887A0005"
        try:
            return right(sessions, *arguments)
        finally:
            card.code = None

    monkeypatch.setattr(Sessions, "run", run)


def test_threads_that_lose_it_together_decide_once(
    small: Path, photographs: Path, card: Card, caplog: pytest.LogCaptureFixture
) -> None:
    image = photographs / "coffee_0.png"
    with Detector(small) as detector:
        expected = detector.predict(image).logit
        card.code = "887A0006"
        found = at_the_same_time([partial(detector.predict, image) for _ in range(8)])
        assert {prediction.provider for prediction in found} == {"cpu"}
        assert [prediction.logit for prediction in found] == [pytest.approx(expected, abs=1e-5)] * 8
        assert len(detector.provider_report.removed) == 1
        assert caplog.text.count("The CPU is used from now on.") == 1


def test_many_images_go_on_on_the_cpu(small: Path, photographs: Path, card: Card) -> None:
    paths = sorted(photographs.iterdir())[:12]
    with Detector(small, batch_size=2, workers=2) as detector:
        predictions = detector.predict_many(paths)
        first = next(predictions)
        card.code = "887A0020"
        rest = list(predictions)
    assert first.provider == "directml"
    assert len(rest) == 11
    assert {prediction.provider for prediction in rest[1:]} == {"cpu"}


def test_another_error_of_a_driver_is_no_removed_device(small: Path, photographs: Path, card: Card) -> None:
    from crbl_runtime import UnavailableError

    with Detector(small) as detector:
        card.code = "80004005"
        with pytest.raises(UnavailableError, match="80004005"):
            detector.predict(photographs / "coffee_0.png")
        assert detector.provider.kind == "directml"
