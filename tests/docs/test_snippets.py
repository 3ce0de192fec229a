"""The programs in README and docs/ run as they stand there, with real model files and images."""

import contextlib
import io
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from shutil import copy
from unittest.mock import patch

import cv2
import numpy as np
import pytest

from crbl_training import load_checkpoint
from keras_files import REFERENCE, KerasFile, seeded_weights
from made_tensorflow import made_tensorflow
from markdown_pages import code_blocks
from public_commands import Trained, run_command

PROJECT = Path(__file__).parents[2]
# Korean pages have the same programs, which other tests hold.
PAGES = [PROJECT / "README.md", *sorted(PROJECT.glob("docs/*.md")), *sorted(PROJECT.glob("docs/api/*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TENSORFLOW = "import tensorflow"
RAY = "crbl_runtime.ray"


@dataclass(frozen=True)
class Snippet:
    """A fenced block: where it begins, as page:line, its language and its text."""

    place: str
    language: str
    text: str


SNIPPETS = [
    Snippet(f"{page.relative_to(PROJECT).as_posix()}:{text.count(chr(10), 0, found.start()) + 1}", found[1], found[2])
    for page in PAGES
    for text in [page.read_text(encoding="utf-8")]
    for found in FENCE.finditer(text)
]
PROGRAMS = [
    snippet
    for snippet in SNIPPETS
    # tests/crbl_runtime/test_ray.py runs that one, on a cluster.
    if snippet.language == "python" and TENSORFLOW not in snippet.text and RAY not in snippet.text
]


@pytest.fixture(scope="module")
def workplace(crop: Trained, full: Trained, grains: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the programs name."""
    folder = tmp_path_factory.mktemp("workplace")
    copy(crop.model, folder / "crop.onnx")
    copy(full.model, folder / "full.onnx")
    (folder / "images").mkdir()
    images = sorted((grains / "images" / "validation").iterdir())[:3]
    for image in images:
        copy(image, folder / "images")
    (folder / "images" / "cut off.png").write_bytes(images[0].read_bytes()[:500])
    copy(images[0], folder / "grain.png")
    assert cv2.imwrite(str(folder / "grain.jpg"), cv2.imread(str(images[1])))
    return folder


def run(snippet: Snippet, folder: Path) -> str:
    """What the program prints."""
    printed = io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(printed):
        exec(compile(snippet.text, snippet.place, "exec"), {"__name__": "__main__"})
    return printed.getvalue()


def test_every_fenced_block_is_of_a_kind_that_is_run() -> None:
    assert {snippet.language for snippet in SNIPPETS} <= {"python", "yaml", "sh"}
    # tests/docs/test_ci.py runs these.
    assert {snippet.place.split(":")[0] for snippet in SNIPPETS if snippet.language != "python"} == {"docs/ci.md"}
    assert len(PROGRAMS) >= 5


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_program_hides_in_an_indented_block(page: Path) -> None:
    fenced = [found[2] for found in FENCE.finditer(page.read_text(encoding="utf-8"))]
    indented = [block for block in code_blocks(page) if block not in fenced]
    assert not [block for block in indented if re.search(r"^(import|from|with|detector\.) ?", block, re.MULTILINE)]


@pytest.mark.parametrize("snippet", PROGRAMS, ids=lambda snippet: snippet.place)
def test_a_program_runs(snippet: Snippet, workplace: Path) -> None:
    printed = run(snippet, workplace)
    assert ("print(" in snippet.text) == bool(printed)


def test_many_images_are_told_apart(workplace: Path) -> None:
    (snippet,) = (snippet for snippet in PROGRAMS if "on_error" in snippet.text)
    lines = run(snippet, workplace).splitlines()
    assert len(lines) == 4
    assert [line.startswith("not predicted:") for line in lines] == ["cut off.png" in line for line in lines]


def test_what_keras_answered_is_recorded_and_checked(tmp_path: Path) -> None:
    (snippet,) = (snippet for snippet in SNIPPETS if TENSORFLOW in snippet.text)
    source = KerasFile(seeded_weights()).write_legacy_weights(tmp_path / "crop.h5")
    converted = run_command("crbl-convert", source, "--variant", "crop", "-o", tmp_path / "converted.pth")
    assert converted.returncode == 0, converted.stderr
    reference = np.load(REFERENCE)
    np.save(tmp_path / "prepared_images.npy", reference["images"])
    model = load_checkpoint(tmp_path / "converted.pth", "crop").build_model()
    with patch.dict(sys.modules, made_tensorflow(model)):
        run(snippet, tmp_path)
    recorded = np.load(tmp_path / "recorded.npz")
    assert recorded["logits"] == pytest.approx(reference["logit"].ravel(), abs=2e-4)
    checked = run_command(
        "crbl-convert",
        *(source, "--variant", "crop", "--check", tmp_path / "recorded.npz", "-o", tmp_path / "checked.pth"),
    )
    assert checked.returncode == 0, checked.stderr
    for file in tmp_path.iterdir():  # 80 MB
        file.unlink()
