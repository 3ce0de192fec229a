"""Puts the modules of the runtime into the wheel, but for the commands and what they alone use."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

RUNTIME = Path(__file__).resolve().parents[2] / "crbl_runtime"
# The commands come with the whole project; crbl_runtime.ray needs a cluster.
LEFT_OUT = (
    "commands/",
    "machine_report/",
    "report/",
    "verification/",
    "benchmark/",
    "ray/",
    "command_line.py",
    "ending.py",
)


class RuntimeModules(BuildHookInterface):
    """The files of the repository, as they are."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        for path in sorted(RUNTIME.rglob("*")):
            name = path.relative_to(RUNTIME).as_posix()
            if path.is_file() and "__pycache__" not in path.parts and not name.startswith(LEFT_OUT):
                build_data["force_include"][str(path)] = f"crbl_runtime/{name}"
