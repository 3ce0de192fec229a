"""The report as text."""

from collections.abc import Iterator

from crbl_runtime.adapters.adapter import Adapter, Listed
from crbl_runtime.machine_report.characters import Characters
from crbl_runtime.machine_report.finding import Finding
from crbl_runtime.machine_report.model_file import ModelFileState
from crbl_runtime.machine_report.registered_providers import RegisteredProviders
from crbl_runtime.machine_report.report import MachineReport
from crbl_runtime.machine_report.versions import Installed


def report_lines(report: MachineReport) -> Iterator[str]:
    yield f"crbl {report.crbl}, Python {report.python.version}, {report.platform}"
    if report.about_processor is not None:
        yield f"  {report.about_processor}"
    yield f"{report.operating_system.name}, build {report.operating_system.build}"
    yield "Packages"
    for package in (report.python, *report.packages, *(each for part in report.parts for each in part.packages)):
        yield f"  {package.name:24} {_version(package)}"
    yield from (f"  Warning: {conflict}" for conflict in report.conflicts)
    yield "Graphics adapters"
    yield from (line for kind, listed in report.adapters.items() for line in _adapter_lines(kind, listed))
    yield "Execution providers (crbl-predict)"
    if report.broken:
        yield "  not tried, because packages are broken"
    yield from (f"  {each.kind:24} {each.reason or 'works'}" for each in report.execution_providers)
    yield "Registered with onnxruntime (--provider windowsml:NAME)"
    yield from _registered_lines(report.registered_providers)
    if not report.broken:
        yield "Preparing images"
        yield f"  {report.preparation or 'the golden image has the pixels that it has everywhere'}"
    yield "Characters and paths"
    yield from _character_lines(report.characters)
    for part in report.parts:
        yield from part.lines
    if report.model_files:
        yield "Model files"
    yield from (line for file in report.model_files for line in _model_file_lines(file))
    yield "Findings"
    yield from (line for finding in report.findings for line in _finding_lines(finding))
    if not report.findings:
        yield "  none"


def _version(package: Installed) -> str:
    match package.state:
        case "missing":
            return "not installed"
        case "newer":
            return f"{package.version} (newer than {package.newest}, the newest that was tested)"
        case "older":
            return f"{package.version} (older than {package.lowest}, the lowest that is supported)"
        case "not tested":
            return f"{package.version} (no version was tested)"
    return str(package.version)


def _adapter_lines(kind: str, listed: Listed) -> Iterator[str]:
    if listed.problem is not None:
        yield f"  {kind:24} {listed.problem}"
    yield from (f"  {f'{kind} {adapter.index}':24} {_adapter(adapter)}" for adapter in listed.adapters)


def _adapter(adapter: Adapter) -> str:
    driver = f", driver {adapter.driver}" if adapter.driver else ""
    return f"{adapter.name}{driver}{f': {adapter.reason}' if adapter.reason else ''}"


def _registered_lines(registered: RegisteredProviders) -> Iterator[str]:
    if registered.unknown is not None:
        yield f"  not known: {registered.unknown}"
    yield from (f"  {each.provider:24} {each.type}, {each.vendor}" for each in registered.devices)


def _character_lines(found: Characters) -> Iterator[str]:
    yield f"  {'file names':24} {found.file_names}"
    yield f"  {'standard output':24} {found.output or 'none'}"
    yield f"  {'text files':24} {found.text_files}{', UTF-8 mode' if found.utf8_mode else ''}"
    if found.ansi_code_page is not None:
        yield f"  {'code pages':24} ANSI {found.ansi_code_page}, console {found.console_code_page or 'none'}"
    if found.long_paths is not None:
        yield f"  {'long paths':24} {'enabled' if found.long_paths else 'not enabled'}"


def _model_file_lines(file: ModelFileState) -> Iterator[str]:
    if file.payload_sha256 is None:
        yield f"  {file.path}  {' '.join(file.remarks)}"
        return
    yield f"  {file.path}  whole (payload {file.payload_sha256[:12]}…), runs on {file.provider}"
    yield from (f"    {remark}" for remark in file.remarks)


def _finding_lines(finding: Finding) -> Iterator[str]:
    broken = f" [breaks {', '.join(finding.breaks)}]" if finding.breaks else ""
    yield f"  {finding.about}: {finding.finding}{broken}"
    yield from (f"    {line}" for line in finding.remedy)
