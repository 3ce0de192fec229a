"""What crbl-doctor makes of machines that this one is not."""

from dataclasses import replace

import pytest

from crbl_runtime.adapters.adapter import Adapter, Listed
from crbl_runtime.machine_report import operating_system, providers
from crbl_runtime.machine_report.characters import Characters, character_findings
from crbl_runtime.machine_report.finding import PURPOSES, Finding
from crbl_runtime.machine_report.operating_system import OperatingSystem, operating_system_findings, windows
from crbl_runtime.machine_report.providers import provider_findings
from crbl_runtime.provider_trial import TriedProvider

RADEON = Adapter("directml", 0, "AMD Radeon RX 7800 XT", "32.0.12033.1030", None)
BASIC = Adapter("directml", 1, "Microsoft Basic Render Driver", None, "computed in software")
TESLA = Adapter("cuda", 0, "Tesla T4", "550.54.15", None)
CPU = TriedProvider("cpu", None)


def findings_of(
    tried: list[TriedProvider], adapters: list[Adapter], installed: list[str], monkeypatch: pytest.MonkeyPatch
) -> tuple[Finding, ...]:
    monkeypatch.setattr(providers, "installed_distributions", lambda dependency: installed)
    listed = {
        kind: Listed(tuple(adapter for adapter in adapters if adapter.kind == kind)) for kind in ("directml", "cuda")
    }
    return provider_findings(tried, listed)


@pytest.mark.parametrize(
    ("adapters", "wanted"),
    [
        ([RADEON, BASIC], "onnxruntime-windowsml"),
        ([TESLA], "onnxruntime-gpu"),
        ([RADEON, TESLA], "onnxruntime-windowsml"),
    ],
)
def test_a_card_that_plain_onnxruntime_does_not_use_is_a_remark_with_the_commands(
    adapters: list[Adapter], wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (finding,) = findings_of([CPU], adapters, ["onnxruntime"], monkeypatch)
    assert adapters[0].name in finding.finding
    assert finding.breaks == ()
    uninstall, install = finding.remedy
    assert uninstall.endswith(" onnxruntime")
    assert install.endswith(f" {wanted}")


@pytest.mark.parametrize(
    ("tried", "adapters", "installed"),
    [
        ([CPU], [], ["onnxruntime"]),
        ([CPU], [BASIC], ["onnxruntime"]),
        ([CPU, TriedProvider("directml", None)], [RADEON], ["onnxruntime-windowsml"]),
        ([CPU, TriedProvider("cuda", None)], [RADEON, TESLA], ["onnxruntime-gpu"]),
        # Built by somebody, with DirectML.
        ([CPU, TriedProvider("directml", None)], [RADEON], ["onnxruntime"]),
        # Somebody has chosen it.
        ([CPU, TriedProvider("openvino", None)], [RADEON], ["onnxruntime-openvino"]),
        ([CPU], [RADEON], ["onnxruntime-qnn"]),
    ],
)
def test_there_is_nothing_to_say_where_a_card_is_used_or_there_is_none(
    tried: list[TriedProvider], adapters: list[Adapter], installed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert findings_of(tried, adapters, installed, monkeypatch) == ()


def test_a_provider_that_does_not_work_is_a_remark_and_the_cpu_breaks_all(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = [replace(CPU, reason="it computes wrongly"), TriedProvider("directml", "80004005"), TriedProvider("x", "y")]
    cpu, directml, other = findings_of(tried, [], ["onnxruntime-windowsml"], monkeypatch)
    assert cpu.breaks == PURPOSES
    assert cpu.remedy[-1].endswith(" onnxruntime-windowsml")
    assert directml.breaks == ()
    assert "80004005" in directml.finding
    assert "Update the graphics driver" in directml.remedy[0]
    assert other.remedy


UTF8 = Characters("utf-8", "utf-8", "UTF-8", False, None, None, None)


@pytest.mark.parametrize(
    ("found", "about"),
    [
        (UTF8, []),
        (replace(UTF8, output=None), []),
        (replace(UTF8, output="ascii"), ["output"]),
        (replace(UTF8, file_names="ascii", output="ascii"), ["file names", "output"]),
        (replace(UTF8, output="cp949", ansi_code_page=949, long_paths=True), ["output"]),
        (replace(UTF8, ansi_code_page=1252, console_code_page=437, long_paths=False), ["long paths"]),
        (replace(UTF8, output="cp65001", ansi_code_page=65001, long_paths=True), []),
    ],
)
def test_encodings_that_lack_characters_and_short_paths(found: Characters, about: list[str]) -> None:
    findings = character_findings(found)
    assert [finding.about for finding in findings] == about
    assert all(finding.breaks == () for finding in findings)
    assert all(finding.remedy[0].startswith(("setx ", "export ", "reg add HKLM")) for finding in findings)
    on_windows = found.ansi_code_page is not None
    assert not any(finding.remedy[0].startswith("export " if on_windows else "setx ") for finding in findings)


def test_a_windows_without_directml_is_told() -> None:
    (finding,) = operating_system_findings(OperatingSystem("Windows 10 1809", "17763.1"))
    assert "18362" in finding.finding
    for system in (OperatingSystem("Windows 11 23H2", "22631.3447"), OperatingSystem("Debian GNU/Linux 12", "6.1.0")):
        assert operating_system_findings(system) == ()


def test_windows_11_is_told_by_its_build_with_the_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"DisplayVersion": "23H2", "UBR": 3447}
    monkeypatch.setattr(operating_system, "registry_value", lambda key, name: values.get(name))
    assert windows(22631) == OperatingSystem("Windows 11 23H2", "22631.3447")
    values.clear()
    assert windows(22000) == OperatingSystem("Windows 11", "22000")
