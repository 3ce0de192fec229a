"""The documentation's site, built once for all processes that test."""

import subprocess
import sys
from pathlib import Path

import pytest

from built_site import Site
from made_once import MadeOnce

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def site(made_once: MadeOnce) -> Site:
    def fill(folder: Path) -> None:
        command = [sys.executable, PROJECT / "docs" / "build_site.py", folder]
        built = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
        assert built.returncode == 0, built.stdout + built.stderr

    return Site(made_once.folder("site", fill))
