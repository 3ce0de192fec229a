"""The site of the documentation: its links, what it loads, and whether the API's pages say what the docstrings say."""

import dataclasses
import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from built_site import Site
from loaded_program import loaded_program

PROJECT = Path(__file__).parents[2]
PACKAGES = ("crbl_runtime", "crbl_training", "crbl_export")
# Entries of a docstring, of which each begins a line of its own.
SECTION = re.compile(r"^(?:Args|Attributes|Raises):\n((?:    .*\n|\n)+)", re.MULTILINE)


def public(package: str) -> dict[str, Any]:
    """The public names of a package that are documented, and what they are."""
    module = import_module(package)
    return {name: getattr(module, name) for name in module.__all__ if name != "__version__"}


def public_docstrings() -> Iterator[tuple[str, str]]:
    for package in PACKAGES:
        for name, what in public(package).items():
            yield f"{package}.{name}", inspect.getdoc(what) or ""
            for method, function in vars(what).items() if inspect.isclass(what) else ():
                if inspect.isfunction(function) and not method.startswith("_"):
                    yield f"{package}.{name}.{method}", inspect.getdoc(function) or ""


@pytest.fixture
def build_site() -> ModuleType:
    return loaded_program(PROJECT / "docs" / "build_site.py")


def test_every_link_leads_somewhere(site: Site) -> None:
    assert len(site.pages) > 30
    assert not site.links_that_lead_nowhere()


def test_nothing_is_loaded_from_another_host(site: Site) -> None:
    assert not site.loaded_from_other_hosts()


def test_the_navigation_leads_to_every_page(site: Site) -> None:
    home = site.pages[Path("index.html")]
    reached = {site.target(home, link) for link in home.links if "//" not in link}
    assert set(site.pages) - {Path("404.html")} <= reached


def test_each_page_is_in_its_language(site: Site) -> None:
    for path, page in site.pages.items():
        korean = path.parent.name == "ko" or path.name == "README.ko.html"
        assert page.language == ("ko" if korean else "en"), path


def test_no_paragraph_is_a_list_or_a_table_that_was_not_understood(site: Site) -> None:
    """Python-Markdown leaves as it is what GitHub takes for a list: one right below a paragraph, for example."""
    for path, page in site.pages.items():
        assert not [text for text in page.paragraphs if re.search(r"\n([-*]|\d+\.) |\|---|```|\]\(", text)], path


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_there_with_what_it_does(site: Site, package: str) -> None:
    page = site.pages[Path("docs", "api", f"{package}.html")]
    for name, what in public(package).items():
        assert f"{package}.{name}" in page.anchors
        summary = (inspect.getdoc(what) or "").split("\n\n")[0]
        assert " ".join(re.sub(r"[`*]", "", summary).split()) in page.text, name


@pytest.mark.parametrize("package", PACKAGES)
def test_the_fields_that_a_docstring_tells_of_exist(package: str) -> None:
    for name, what in public(package).items():
        told = re.search(r"^Attributes:\n((?:    .*\n?|\n)+)", inspect.getdoc(what) or "", re.MULTILINE)
        if dataclasses.is_dataclass(what) and told:
            rows = set(re.findall(r"^    (\w+):", told[1], re.MULTILINE))
            assert rows <= {field.name for field in dataclasses.fields(what)}, name


def test_each_entry_of_a_docstring_begins_a_line() -> None:
    shared = [
        f"{name}: {line.strip()}"
        for name, text in public_docstrings()
        for section in SECTION.findall(text + "\n")
        for line in section.splitlines()
        if re.match(r"    [a-z_]+(?:, [a-z_]+)+: ", line) or re.search(r"[.;] [a-zA-Z_]+: ", line)
    ]
    assert not shared


@pytest.mark.parametrize(
    "broken", ["[a page](nowhere.md)", "[an anchor](training.md#nowhere)", "::: crbl_runtime.Nothing"]
)
def test_what_is_broken_stops_the_build(
    build_site: ModuleType, tmp_path: Path, broken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    build_site.lay_out(tmp_path)
    page = tmp_path / "pages" / "docs" / "doctor.md"
    page.write_text(f"{page.read_text(encoding='utf-8')}\n{broken}\n", encoding="utf-8")
    assert not build_site.build(tmp_path)
    assert "doctor.md" in capsys.readouterr().out or "Nothing" in broken
