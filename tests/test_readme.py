"""README and docs/: both languages have the same parts, links lead somewhere, and what is named exists."""

import re
import shlex
import tomllib
from functools import cache
from importlib import import_module
from itertools import takewhile
from pathlib import Path

import click
import pytest

from markdown_pages import code_blocks, code_spans, heading_levels, links, without_comments

PROJECT = Path(__file__).resolve().parents[1]
ENGLISH, KOREAN = PROJECT / "README.md", PROJECT / "README.ko.md"
PAGES = [
    ENGLISH,
    KOREAN,
    *(PROJECT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *sorted((PROJECT / "docs").rglob("*.md")),
]
# These tell of options and files that are gone.
HISTORY = ("CHANGELOG.md", "int8.md")
SOURCE_FOLDERS = ("crbl_runtime/", "crbl_export/", "training/", "tests/", "benchmarks/", "docs/")
OPTION = re.compile(r"(?<![\w-])--?[A-Za-z][\w-]*")
PIP_OPTIONS = {"--force-reinstall", "--no-deps"}
# What ends the arguments of a command in a shell.
SHELL_OPERATORS = (">", "|", "||")


def parametrize(pages: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("page", pages, ids=lambda page: str(page.relative_to(PROJECT)))


every_page = parametrize(PAGES)
every_page_of_today = parametrize([page for page in PAGES if page.name not in HISTORY])


@cache
def scripts() -> dict[str, str]:
    """The commands by name, each with the function that starts it."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return dict(project["scripts"])


def click_command(name: str) -> click.Command:
    package = scripts()[name].split(":")[0]
    command: click.Command = import_module(f"{package}.{name.removeprefix('crbl-')}").main
    return command


@cache
def options_of(name: str) -> frozenset[str]:
    command = click_command(name)
    parameters = command.get_params(click.Context(command))
    return frozenset(option for parameter in parameters for option in (*parameter.opts, *parameter.secondary_opts))


@cache
def every_option() -> frozenset[str]:
    """The options of all crbl commands and of setup_directml.py."""
    setup = re.findall(r'"(--[a-z-]+)"', (PROJECT / "setup_directml.py").read_text(encoding="utf-8"))
    return frozenset(setup).union(*map(options_of, scripts()))


def test_both_readmes_have_the_same_headings_in_the_same_order() -> None:
    assert heading_levels(ENGLISH) == heading_levels(KOREAN)
    assert len(heading_levels(ENGLISH)) >= 5


def test_both_readmes_have_the_same_code() -> None:
    english, korean = (list(map(without_comments, code_blocks(page))) for page in (ENGLISH, KOREAN))
    assert english == korean
    assert len(english) >= 5


def test_both_readmes_link_to_the_same_pages() -> None:
    readmes = {"README.md", "README.ko.md"}
    assert [link for link in links(ENGLISH) if link not in readmes] == [
        link for link in links(KOREAN) if link not in readmes
    ]


@every_page
def test_every_link_leads_somewhere(page: Path) -> None:
    missing = [link for link in links(page) if not (page.parent / link.partition("#")[0]).exists()]
    assert not missing


def test_the_index_of_docs_lists_every_page() -> None:
    listed = set(links(PROJECT / "docs" / "README.md"))
    pages = {page.relative_to(PROJECT / "docs").as_posix() for page in (PROJECT / "docs").rglob("*.md")}
    assert pages - {"README.md"} <= listed


@every_page_of_today
def test_every_command_line_is_accepted(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The files that the examples name are the reader's.
    monkeypatch.setattr(click.Path, "convert", lambda kind, value, parameter, context: Path(value))
    for block in code_blocks(page):
        for line in block.splitlines():
            name, *arguments = shlex.split(line, comments=True) or [""]
            if name.startswith("crbl-"):
                arguments = list(takewhile(lambda word: word not in SHELL_OPERATORS, arguments))
                # Raises for what the command does not know: options, values, missing arguments. Runs nothing.
                click_command(name).make_context(name, arguments)


@every_page_of_today
def test_every_option_named_with_a_command_is_one_of_it(page: Path) -> None:
    named = [span.split() for span in code_spans(page) if span.startswith("crbl-")]
    unknown = [(name, *rest) for name, *rest in named if not set(OPTION.findall(" ".join(rest))) <= options_of(name)]
    assert not unknown


@parametrize(sorted((PROJECT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")))
def test_every_command_in_a_form_for_issues_exists_with_its_options(page: Path) -> None:
    for name, *rest in map(str.split, re.findall(r"`(crbl-[^`]+)`", page.read_text(encoding="utf-8"))):
        assert set(OPTION.findall(" ".join(rest))) <= options_of(name)


@every_page_of_today
def test_every_option_named_alone_is_one_of_a_command(page: Path) -> None:
    named = {option for span in code_spans(page) if span.startswith("--") for option in OPTION.findall(span)}
    assert not named - every_option() - PIP_OPTIONS


@every_page_of_today
def test_every_file_of_the_project_that_is_named_exists(page: Path) -> None:
    named = [span for span in code_spans(page) if span.startswith(SOURCE_FOLDERS) and " " not in span]
    assert not [span for span in named if not (PROJECT / span).exists()]


def test_the_map_names_every_folder_of_the_packages() -> None:
    packages = [PROJECT / name for name in ("crbl_runtime", "crbl_export", "training/crbl_training")]
    folders = {f"{path.parent.relative_to(PROJECT).as_posix()}/" for home in packages for path in home.glob("*/*.py")}
    assert folders <= set(code_spans(PROJECT / "CONTRIBUTING.md"))
