"""Build the documentation's site with Zensical, strictly: python docs/build_site.py FOLDER

A warning is an error: a link that leads nowhere, a name that is not there, a docstring that says something about an
argument that does not exist.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
PAGES = ("*.md", "docs/**/*.md", "docs/**/*.png", "examples/*.md", "examples/web/*.md")
SOURCE = (PROJECT, PROJECT / "training")
# What every site has, so that a folder is never deleted that is none.
INVENTORY = "objects.inv"
# A paragraph that is a link to a program, and nothing else: GitHub shows the link, the site shows the program.
PROGRAM = re.compile(r"^\[[\w.]+\]\(([\w./]+\.(cpp|cs|mjs|py))\)$", re.MULTILINE)
LANGUAGES = {"mjs": "javascript", "cs": "csharp", "cpp": "cpp", "py": "python"}


def main() -> int:
    """The exit code: 1 where there was a warning."""
    parser = argparse.ArgumentParser("build_site.py", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the site goes; an older one there is replaced")
    folder: Path = parser.parse_args().folder
    if folder.exists() and any(folder.iterdir()) and not (folder / INVENTORY).is_file():
        parser.error(f"{folder} holds something else than a site. Name another folder.")
    with tempfile.TemporaryDirectory() as work:
        lay_out(Path(work))
        if not build(Path(work)):
            return 1
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(Path(work) / "site", folder)
    print(f"The site is in {folder}. Search needs a server: python -m http.server --directory {folder}")
    return 0


def lay_out(work: Path) -> None:
    """Put into `work` what Zensical reads: configuration, theme and pages."""
    shutil.copy(PROJECT / "mkdocs.yml", work)
    shutil.copytree(PROJECT / "docs" / "theme", work / "theme")
    copy_pages(work / "pages")


def copy_pages(folder: Path) -> None:
    """The pages of the project, where they lie in it, with the programs that they link to."""
    for source in sorted({file for pattern in PAGES for file in PROJECT.glob(pattern)}):
        target = folder / source.relative_to(PROJECT)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".md":
            target.write_text(with_programs(source), encoding="utf-8")
        else:
            shutil.copy(source, target)


def with_programs(page: Path) -> str:
    """The page's text, with each program in the place of the paragraph that is a link to it."""

    def program(link: re.Match[str]) -> str:
        text = (page.parent / link[1]).read_text(encoding="utf-8").strip()
        return f"```{LANGUAGES[link[2]]}\n{text}\n```"

    return PROGRAM.sub(program, page.read_text(encoding="utf-8"))


def build(work: Path) -> bool:
    """Whether Zensical built the site in `work / "site"` without a warning; prints what it says."""
    variables = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, SOURCE))}
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    built = subprocess.run(
        command, cwd=work, env=variables, capture_output=True, text=True, encoding="utf-8", errors="replace"
    )
    print(re.sub(r"\x1b\[[\d;]*m", "", built.stdout + built.stderr), end="")
    # --strict is about Zensical's own warnings. Those about docstrings are printed and change nothing.
    return built.returncode == 0 and not re.search(r"^(griffe|mkdocstrings): ", built.stderr, re.MULTILINE)


if __name__ == "__main__":
    sys.exit(main())
