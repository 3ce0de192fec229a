"""The pages that the packages carry are what the sources build to, and the sources have sound types."""

import shutil
import subprocess
from pathlib import Path

import pytest

from fetched_tools import locked_packages
from foreign_programs import program

PROJECT = Path(__file__).parents[2]
SOURCES = PROJECT / "report_pages"
NOT_SOURCES = ("node_modules",)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources with the packages of their lock file, beside the packages that carry the pages."""
    folder = tmp_path_factory.mktemp("project") / SOURCES.name
    shutil.copytree(SOURCES, folder, ignore=shutil.ignore_patterns(*NOT_SOURCES))
    for package in ("crbl_runtime", "crbl_export", "training"):
        (folder.parent / package).symlink_to(PROJECT / package)
    # No link: through one esbuild builds other bytes.
    shutil.copytree(locked_packages(SOURCES), folder / "node_modules", symlinks=True)
    return folder


def _run(sources: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=sources, capture_output=True, text=True)


def test_each_page_is_what_its_sources_build_to(sources: Path) -> None:
    built = _run(sources, program("node"), "build.mjs", "--check")
    assert built.returncode == 0, built.stderr


def test_a_changed_source_is_found(sources: Path, tmp_path: Path) -> None:
    folder = tmp_path / SOURCES.name
    shutil.copytree(sources, folder, symlinks=True)
    for package in ("crbl_runtime", "crbl_export", "training"):
        (tmp_path / package).symlink_to(PROJECT / package)
    source = folder / "src" / "review" / "log_odds.ts"
    source.write_text(source.read_text(encoding="utf-8").replace("-FURTHEST;", "-2 * FURTHEST;"), encoding="utf-8")
    built = _run(folder, program("node"), "build.mjs", "--check")
    assert built.returncode == 1
    assert "review.html" in built.stderr


def test_the_types_are_sound(sources: Path) -> None:
    checked = _run(sources, str(sources / "node_modules" / ".bin" / "tsc"), "--noEmit")
    assert checked.returncode == 0, checked.stdout
