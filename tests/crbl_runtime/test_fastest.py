"""The provider "fastest": measured once, remembered, and said."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from crbl_runtime import Detector, fastest, onnxruntime_boundary
from crbl_runtime.adapters import Adapter
from crbl_runtime.cache_folder import cache_folder
from crbl_runtime.execution_provider import Provider
from crbl_runtime.model_sessions import ModelSessions
from public_commands import Trained

CARD = Adapter("directml", 0, "Radeon", "1.0", None)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fastest, "cache_folder", lambda: tmp_path / "캐시")
    monkeypatch.setattr(fastest, "adapters", lambda: (CARD,))


class Card:
    """DirectML, for which the CPU stands in. It takes as long as it is told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        self.slower = True
        self.works = True
        right = ModelSessions.run

        def run(sessions: ModelSessions, provider: Provider, images: Any) -> Any:
            self.calls.append(provider.kind)
            if provider.kind == "directml" and not self.works:
                from crbl_runtime.errors import UnavailableError

                raise UnavailableError("the card does not start.")
            return right(sessions, Provider("cpu"), images)

        def milliseconds(call: Any) -> float:
            self.calls.clear()
            call()
            return {True: 9.0, False: 1.0}[self.slower] if self.calls == ["directml"] else 3.0

        monkeypatch.setattr(ModelSessions, "run", run)
        monkeypatch.setattr(fastest, "_milliseconds", milliseconds)
        names = ["DmlExecutionProvider", "CPUExecutionProvider"]
        monkeypatch.setattr(onnxruntime_boundary, "built_in_providers", lambda: names)


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Card:
    return Card(monkeypatch)


def measured(detector: Detector) -> str:
    assert detector.provider_report.measured is not None
    return detector.provider_report.measured


def test_the_faster_one_is_used_and_remembered_and_said(
    small: Path, card: Card, caplog: pytest.LogCaptureFixture
) -> None:
    with Detector(small, "fastest") as detector:
        assert detector.provider.kind == "cpu"
        assert "directml 9.00 ms, cpu 3.00 ms" in measured(detector)
        assert measured(detector) in caplog.text
    card.slower = False
    with Detector(small, "fastest") as again:
        assert again.provider.kind == "cpu", "what was measured is remembered"
        assert "crbl-doctor --forget" in measured(again)
    assert fastest.forget() == 1
    with Detector(small, "fastest") as anew:
        assert anew.provider.kind == "directml"
    assert fastest.forget() == 1
    assert fastest.forget() == 0


def test_auto_never_chooses_by_speed(small: Path, card: Card) -> None:
    with Detector(small, "fastest"), Detector(small, "auto") as detector:
        assert detector.provider.kind == "directml"
        assert detector.provider_report.measured is None


def test_another_driver_or_file_or_machine_is_measured_anew(
    small: Path, crop: Trained, card: Card, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def remembered() -> int:
        Detector(small, "fastest").close()
        return len(list((tmp_path / "캐시" / "fastest").iterdir()))

    assert [remembered(), remembered()] == [1, 1]
    monkeypatch.setattr(fastest, "adapters", lambda: (Adapter("directml", 0, "Radeon", "2.0", None),))
    assert remembered() == 2
    monkeypatch.setattr(fastest.platform, "node", lambda: "another")
    assert remembered() == 3
    monkeypatch.setattr(fastest, "VERSION", "9.9")
    assert remembered() == 4
    Detector(crop.model, "fastest").close()
    assert remembered() == 5


def test_one_that_works_no_more_is_measured_out(small: Path, card: Card) -> None:
    card.slower = False
    with Detector(small, "fastest") as detector:
        assert detector.provider.kind == "directml"
    card.works = False
    with Detector(small, "fastest") as detector:
        assert detector.provider.kind == "cpu"
        assert detector.provider_report.fallback == "the card does not start."


@pytest.mark.parametrize("content", [b"", b"[]", b'{"date": "x"}', b"\xff", json.dumps({"date": 1}).encode()])
def test_what_is_damaged_is_measured_anew(small: Path, card: Card, tmp_path: Path, content: bytes) -> None:
    Detector(small, "fastest").close()
    (file,) = (tmp_path / "캐시" / "fastest").iterdir()
    file.write_bytes(content)
    with Detector(small, "fastest") as detector:
        assert "crbl-doctor --forget" not in measured(detector)
    assert json.loads(file.read_text())["milliseconds"] == {"directml": 9.0, "cpu": 3.0}


def test_where_nothing_can_be_written_it_says_so(small: Path, card: Card, tmp_path: Path) -> None:
    (tmp_path / "캐시").write_bytes(b"a file in its place")
    with Detector(small, "fastest") as detector:
        assert "It could not be remembered: " in measured(detector)


def test_a_real_measurement_takes_one_second_and_not_more_calls_than_needed(small: Path) -> None:
    with Detector(small, "fastest") as detector:
        assert detector.provider.kind == "cpu" or detector.provider_report.measured
        assert "cpu" in measured(detector)


def test_the_cache_is_the_user_s_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder().is_relative_to(tmp_path)
