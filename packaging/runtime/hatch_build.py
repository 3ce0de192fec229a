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
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
RUNTIME = Path(__file__).resolve().parents[2] / "crbl_runtime"
# Of a module of `commands`: the function whose docstring is the command's help.
COMMAND = {"main"}


class SmallModules(BuildHookInterface):
    """Puts them into the wheel in place of the files of the repository."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        self._folder = TemporaryDirectory()
        public = public_names(RUNTIME / "__init__.py") | public_names(RUNTIME / "adapters" / "__init__.py")
        for path in sorted(RUNTIME.rglob("*")):
            name = path.relative_to(RUNTIME).as_posix()
            if path.is_file() and "__pycache__" not in path.parts and name.partition("/")[0] not in LEFT_OUT:
                copy = Path(self._folder.name) / name
                copy.parent.mkdir(parents=True, exist_ok=True)
                content = path.read_bytes()
                copy.write_bytes(small(content, public | COMMAND) if path.suffix == ".py" else content)
                build_data["force_include"][str(copy)] = f"crbl_runtime/{name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        self._folder.cleanup()


def public_names(module: Path) -> set[str]:
    """What its __all__ lists."""
    for statement in ast.parse(module.read_bytes()).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__":
            return set(ast.literal_eval(statement.value))
    raise ValueError(f"{module} has no __all__.")


def small(source: bytes, documented: set[str]) -> bytes:
    """The same program, line by line, with the docstrings of these functions and classes, and of their methods."""
    lines = source.decode("utf-8").splitlines()
    tree = ast.parse(source)
    kept = {
        part
        for statement in tree.body
        if isinstance(statement, Documented) and getattr(statement, "name", "") in documented
        for part in ast.walk(statement)
        if isinstance(part, Documented) and not getattr(part, "name", "").startswith("_")
    }
    for node in ast.walk(tree):
        if isinstance(node, Documented) and node not in kept:
            _without_docstring(node, lines)
    for token in tokenize.generate_tokens(io.StringIO("\n".join(lines)).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column].rstrip()
    return "\n".join([*lines, ""]).encode("utf-8")


def _without_docstring(node: Documented, lines: list[str]) -> None:
    if ast.get_docstring(node, clean=False) is None:
        return
    docstring = node.body[0]
    first, last = docstring.lineno - 1, docstring.end_lineno or docstring.lineno
    # A body needs a statement.
    stand_in = " " * docstring.col_offset + "pass" if len(node.body) == 1 and not isinstance(node, ast.Module) else ""
    lines[first:last] = [stand_in, *[""] * (last - first - 1)]
