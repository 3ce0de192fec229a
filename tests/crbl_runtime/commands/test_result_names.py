"""result_names.py: files of results are called after where the images lie, and no two are the same."""

import os
from pathlib import Path, PureWindowsPath
from unittest.mock import patch

import pytest

from crbl_runtime.commands import result_names
from crbl_runtime.commands.result_names import LONGEST_NAME, ResultNames


@pytest.mark.parametrize(
    ("roots", "image", "name"),
    [
        (["in"], "in/a.png", "a.png"),
        (["in"], "in/sub/a.png", "sub/a.png"),
        (["in/"], "./in/sub/a.png", "sub/a.png"),
        (["in/sub/../"], "in/a.png", "a.png"),
        (["in", "other"], "other/a.png", "other/a.png"),
        (["in", "in/sub"], "in/sub/a.png", "sub/a.png"),
        (["in", "inside"], "inside/a.png", "inside/a.png"),
        ([""], "a.png", "a.png"),
        (["..", "in"], "in/a.png", "HERE/in/a.png"),
        (["in/부품"], "in/부품/균열 1.png", "균열 1.png"),
    ],
)
def test_folders_below_what_was_named_stay(roots: list[str], image: str, name: str) -> None:
    named = ResultNames.below(map(Path, roots)).name(Path(image))
    assert named == Path(name.replace("HERE", Path.cwd().name))


def test_drives_become_folders() -> None:
    roots = [PureWindowsPath("C:/in"), PureWindowsPath("//server/share/in")]
    with (
        patch.object(result_names, "_absolute", lambda path: path),
        patch.object(result_names, "Path", PureWindowsPath),
    ):
        names = ResultNames.below(roots)  # type: ignore[arg-type]
        found = [names.name(root / "a.png") for root in roots]  # type: ignore[arg-type]
    assert [each.as_posix() for each in found] == ["C/in/a.png", "server_share/in/a.png"]


def test_names_that_are_too_long_are_cut_and_stay_apart() -> None:
    names = ResultNames.below([Path("in")])
    images = [Path("in") / f"{'낱알' * 39}{number}.png" for number in range(3)]
    found = [names.name(image, ".crop.png") for image in images]
    assert len(set(found)) == 3
    for name in found:
        assert name.name.startswith("낱알낱알")
        assert name.name.endswith(".png.crop.png")
        assert len(os.fsencode(name.name)) <= LONGEST_NAME
    assert names.name(images[0].with_name("낱알.png"), ".crop.png") == Path("낱알.png.crop.png")
