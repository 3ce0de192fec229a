"""examples/README.md: each example has its section, and what that section names exists."""

import re
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = sorted(folder.name for folder in EXAMPLES.iterdir() if folder.is_dir() and not folder.name.startswith("__"))
IN_PYTHON = [name for name in NAMES if (EXAMPLES / name / f"{name}.py").exists()]


def section(name: str) -> str:
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    sections = {part.partition("\n")[0]: part for part in readme.split("\n## ")}
    return sections[name]


@pytest.mark.parametrize("name", IN_PYTHON)
def test_each_example_has_a_section_that_names_its_program_and_options(name: str) -> None:
    program = EXAMPLES / name / f"{name}.py"
    assert program.name in section(name)
    options = set(re.findall(r'add_argument\("(--\w+)"', program.read_text(encoding="utf-8")))
    run = [line for line in section(name).splitlines() if line.startswith(f"    python examples/{name}/")]
    named = re.findall(r"`(--\w+)[ `]", section(name)) + re.findall(r" (--\w+)", " ".join(run))
    # Of other programs.
    assert set(named) - {"--heatmap", "--hidden"} <= options


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(IN_PYTHON)))
def test_each_example_in_another_language_has_a_section_that_leads_to_its_own_readme(name: str) -> None:
    assert f"[{name}/README.md]({name}/README.md)" in section(name)
    assert (EXAMPLES / name / "README.md").is_file()


def test_table_lists_every_example() -> None:
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| \[(\w+)\]\(#\1\)", readme, re.MULTILINE) == [
        "frozen_app",
        "drop_window",
        "watch_folder",
        "http_service",
        "web",
    ]
    assert len(NAMES) == 5
