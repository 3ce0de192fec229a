"""Versions against those that were tested."""

import pytest

from crbl_runtime.machine_report import versions
from crbl_runtime.machine_report.versions import ONNXRUNTIMES, RUNTIME, Range, installed, version_findings

KNOWN = Range("1.26", "2.4.6")


@pytest.mark.parametrize(
    ("found", "known", "state"),
    [
        (None, KNOWN, "missing"),
        ("1.25.9", KNOWN, "older"),
        ("1.26.0", KNOWN, "tested"),
        ("1.26.0rc1", KNOWN, "tested"),
        ("2.4.6", KNOWN, "tested"),
        ("2.4.9", KNOWN, "tested"),
        ("2.5.0", KNOWN, "newer"),
        ("2.10.0", KNOWN, "newer"),
        ("3", KNOWN, "newer"),
        ("2.4.1+cu121", Range("2.4.1", "2.14.1"), "tested"),
        ("1.30.0.202609102321", Range("1.23.2", "1.30.0"), "tested"),
        ("1.21.0", Range("1.20", None), "not tested"),
        ("1.19.0", Range("1.20", None), "older"),
    ],
)
def test_state(found: str | None, known: Range, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "installed_version", lambda name: found)
    (package,) = installed({"numpy": known})
    assert (package.version, package.state) == (found, state)
    findings = version_findings((package,), ("train",))
    assert [finding.breaks for finding in findings] == ([("train",)] if state == "older" else [])


def test_what_is_older_is_mended_by_a_command_that_a_shell_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "installed_version", lambda name: "1.0")
    (finding,) = version_findings(installed({"numpy": KNOWN}))
    assert finding.remedy[0].endswith("pip install --upgrade numpy")
    assert not set(finding.remedy[0]) & set("<>|&;")


def test_the_newest_is_not_below_the_lowest() -> None:
    for known in (*RUNTIME.values(), *ONNXRUNTIMES.values()):
        assert known.newest is None or versions._numbers(known.newest) >= versions._numbers(known.lowest)
