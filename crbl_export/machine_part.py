"""What crbl-doctor tells of exporting: whether all that it needs can be imported."""

import importlib

from crbl_runtime.errors import first_line
from crbl_runtime.machine_report.finding import EXPORT, Finding, install_command
from crbl_runtime.machine_report.part import Part
from crbl_runtime.machine_report.versions import Range, installed, version_findings

# The lower bounds of pyproject.toml, and the newest that was tested.
VERSIONS = {
    "onnx": Range("1.16", "1.23.2"),
    "onnxsim": Range("0.4.36", "0.8.1"),
    "onnxscript": Range("0.7", "0.7.2"),
    "ml-dtypes": Range("0.5", "0.6.0"),
    "jinja2": Range("3.1", "3.1.6"),
}


def machine_part() -> Part:
    """The exporter's packages, each imported."""
    broken = [reason for name in VERSIONS if (reason := _why_not_importable(name.replace("-", "_"))) is not None]
    packages = installed(VERSIONS)
    findings = (
        [Finding("exporter", "; ".join(broken), (install_command("default,export"),), (EXPORT,))] if broken else []
    )
    return Part(
        packages=packages,
        values={"exporter": {"reasons": broken}},
        lines=("Exporter (crbl-export)", *(f"  {reason}" for reason in broken or ["what it needs can be imported"])),
        findings=(*findings, *version_findings(packages, (EXPORT,))),
    )


def _why_not_importable(module: str) -> str | None:
    try:
        importlib.import_module(module)
    except Exception as error:  # What was built for another numpy or protobuf raises errors of any type.
        return f"{module} cannot be imported ({first_line(error)})"
    return None
