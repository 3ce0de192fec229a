"""Runs cases in Windows processes, a few each: a software GPU gives no memory back, and a process may crash."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from windows.operators.case import Case
from windows.operators.outcome import Outcome

WINDOWS_TESTS = Path(__file__).parents[1]
CASES_A_PROCESS = 9
LONGEST_SECONDS = 120


@dataclass(frozen=True)
class Distribution:
    """An onnxruntime with DirectML: the name of its environment, and the locale that it is tested with."""

    environment: str
    locale: str


DISTRIBUTIONS = (Distribution("directml", "en_US"), Distribution("windowsml", "ko_KR"))


def copy_programs(folder: Path) -> None:
    """What the Windows processes run."""
    target = folder / "w" / "operators"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(WINDOWS_TESTS, target / "windows", ignore=shutil.ignore_patterns("__pycache__"))


def outcomes(cases: list[Case], folder: Path, distribution: Distribution) -> Iterator[Outcome]:
    """One for each case, in order. After a crash or a hang the next process begins with the case behind it."""
    done = 0
    while done < len(cases):
        found, end = _process(cases[done : done + CASES_A_PROCESS], folder, distribution)
        if end:
            found.append(Outcome("fails", end))
        yield from found
        done += len(found)


def _process(cases: list[Case], folder: Path, distribution: Distribution) -> tuple[list[Outcome], str]:
    """The outcomes of one process, and how it ended if it did not come to the last."""
    listed = folder / "w" / "operators" / "cases.json"
    listed.write_text(json.dumps([asdict(case) for case in cases]), encoding="utf-8")
    command = [
        str(WINDOWS_TESTS / "run_windows.sh"),
        str(folder),
        distribution.locale,
        r"PYTHONPATH=Z:\w\operators\windows\with_directml;Z:\w\operators",
        f"{distribution.environment}/Scripts/python.exe",
        *("-m", "windows.operators.run_cases", r"Z:\w\operators\cases.json"),
    ]
    try:
        ended = subprocess.run(command, capture_output=True, timeout=LONGEST_SECONDS)
        output, end = ended.stdout, f"the process ends with {ended.returncode}"
    except subprocess.TimeoutExpired as error:
        output, end = error.stdout or b"", f"no end after {LONGEST_SECONDS} s"
    lines = output.decode("utf-8", "replace").splitlines()
    found = [Outcome(**json.loads(line.removeprefix("outcome "))) for line in lines if line.startswith("outcome ")]
    return found, "" if len(found) == len(cases) else end
