"""Holds crbl-check against DirectML itself: PYTHONPATH=tests python tests/windows/directml_operators.py FOLDER

FOLDER was made by make_windows.sh. Tries every case of operators/cases.py in both distributions of onnxruntime with
DirectML, on a GPU computed in software, in some 6 minutes, and writes what came out to operators/recorded.json and
docs/directml_operators.md. Needs root on Linux, as run_windows.sh does, and the project installed.
"""

import json
import subprocess
import sys
from datetime import date
from importlib.metadata import distributions
from pathlib import Path

from crbl_export import check_directml
from crbl_runtime.atomic_file import write_text
from windows.operators.case import Case
from windows.operators.case_model import case_model
from windows.operators.cases import all_cases
from windows.operators.page import page
from windows.operators.processes import DISTRIBUTIONS, copy_programs, outcomes
from windows.operators.record import RECORDED, Record, Row, to_json

PROJECT = Path(__file__).parents[2]
KERNELS = PROJECT / "crbl_export" / "directml" / "kernels.json"
PAGE = PROJECT / "docs" / "directml_operators.md"


def record(folder: Path) -> Record:
    """Try all."""
    copy_programs(folder)
    cases = all_cases(json.loads(KERNELS.read_text(encoding="utf-8"))["kernels"])
    said = [findings(case) for case in cases]
    found = {each.environment: list(outcomes(cases, folder, each)) for each in DISTRIBUTIONS}
    rows = [Row(case, said[number], {name: found[name][number] for name in found}) for number, case in enumerate(cases)]
    return Record(date.today().isoformat(), versions(folder), tuple(rows))


def findings(case: Case) -> tuple[str, ...]:
    """What crbl-check has against the model."""
    model, _ = case_model(case)
    return tuple(finding.reason for finding in check_directml(model).findings)


def versions(folder: Path) -> dict[str, str]:
    """Of what computed."""
    command = ["chroot", folder, "dpkg-query", "--show", "--showformat=${Version}"]
    found = {}
    for each in DISTRIBUTIONS:
        packages = folder / "w" / each.environment / "Lib" / "site-packages"
        for distribution in distributions(name=f"onnxruntime-{each.environment}", path=[str(packages)]):
            found[distribution.metadata["Name"]] = distribution.version
    for name, package in {"Wine": "wine", "Mesa's software Vulkan driver": "mesa-vulkan-drivers"}.items():
        found[name] = subprocess.run([*command, package], capture_output=True, text=True, check=True).stdout
    return found


def main(arguments: list[str]) -> None:
    """Nothing is written where DirectML did not start."""
    if len(arguments) != 1 or not (Path(arguments[0]) / "complete").is_file():
        sys.exit("Give one folder that tests/windows/make_windows.sh has made.")
    result = record(Path(arguments[0]))
    for each in DISTRIBUTIONS:
        if not any(row.outcomes[each.environment].kind == "runs" for row in result.rows):
            sys.exit(f"Nothing runs on onnxruntime-{each.environment}: {result.rows[0].outcomes[each.environment]}")
    write_text(RECORDED, to_json(result))
    write_text(PAGE, page(result))


if __name__ == "__main__":
    main(sys.argv[1:])
