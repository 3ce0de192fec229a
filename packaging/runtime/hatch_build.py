"""Makes the wheel of the runtime small: its modules without comments, and without the docstrings of what is not public.

Every line stays where it is, so that the line numbers of a traceback are those of the repository.
"""

import ast
import io
import tokenize
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# For those who embed the runtime into an application; crbl_runtime.ray needs a cluster, and the whole project.
LEFT_OUT = ("ray",)
RUNTIME = Path(__file__).resolve().parents[2] / "crbl_runtime"
# Where the public names are defined, and the commands, whose docstrings are their help.
WITH_DOCSTRINGS = (
    *("__init__.py", "adapters/__init__.py", "adapters/adapter.py", "adapters/listing.py", "adapters/named.py"),
    *("combined_detector.py", "contract.py", "decision.py", "detector.py", "errors.py", "image.py", "prediction.py"),
    *("preprocessing.py", "provider_candidates.py", "provider_choice.py"),
    *(f"commands/{path.name}" for path in (RUNTIME / "commands").glob("*.py")),
)


class SmallModules(BuildHookInterface):
    """Puts them into the wheel in place of the files of the repository."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        self._folder = TemporaryDirectory()
        for path in sorted(RUNTIME.rglob("*")):
            name = path.relative_to(RUNTIME).as_posix()
            if path.is_file() and "__pycache__" not in path.parts and name.partition("/")[0] not in LEFT_OUT:
                copy = Path(self._folder.name) / name
                copy.parent.mkdir(parents=True, exist_ok=True)
                content = path.read_bytes()
                copy.write_bytes(small(content, name in WITH_DOCSTRINGS) if path.suffix == ".py" else content)
                build_data["force_include"][str(copy)] = f"crbl_runtime/{name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        self._folder.cleanup()


def small(source: bytes, with_docstrings: bool) -> bytes:
    """The same program, line by line."""
    lines = source.decode("utf-8").splitlines()
    if not with_docstrings:
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                _without_docstring(node, lines)
    for token in tokenize.generate_tokens(io.StringIO("\n".join(lines)).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column].rstrip()
    return "\n".join([*lines, ""]).encode("utf-8")


def _without_docstring(
    node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]
) -> None:
    if ast.get_docstring(node, clean=False) is None:
        return
    docstring = node.body[0]
    first, last = docstring.lineno - 1, docstring.end_lineno or docstring.lineno
    # A body needs a statement.
    stand_in = " " * docstring.col_offset + "pass" if len(node.body) == 1 and not isinstance(node, ast.Module) else ""
    lines[first:last] = [stand_in, *[""] * (last - first - 1)]
