"""file_patterns.py: what a pattern matches, and what is none."""

from pathlib import Path

import pytest

from crbl_runtime.file_patterns import matches


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("b.png", "a.png", "a[1].png", "a1.png", "line 2/c.png", "line 2/deep/d.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("?.png", ["a.png", "b.png"]),
        ("a[1].png", ["a[1].png"]),
        ("a[12].png", ["a1.png"]),
        ("line*", ["line 2"]),
        ("line*/*.png", ["line 2/c.png"]),
        ("line*/**", ["line 2/c.png", "line 2/deep/d.png"]),
        ("**/deep", ["line 2/deep"]),
        ("*.tif", ["*.tif"]),
        ("a.png", ["a.png"]),
        ("missing.png", ["missing.png"]),
    ],
)
def test_a_pattern_gives_the_sorted_names_that_it_matches(pattern: str, found: list[str]) -> None:
    assert [Path(name) for name in matches(pattern)] == [Path(name) for name in found]
