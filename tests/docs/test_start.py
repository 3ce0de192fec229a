"""docs/start.md: its commands follow from each other, and what it quotes is what they print."""

import re
import shlex
from pathlib import Path
from shutil import copy, copytree

import pytest

import setup_directml
from markdown_pages import code_blocks
from public_commands import run_command

PAGE = Path(__file__).parents[2] / "docs" / "start.md"
# Without a network and a card, and by the exporter that takes less time.
HERE = {"crbl-train": ["--weights", "none", "--device", "cpu"], "crbl-export": ["--opset", "17"]}
IMAGES_EACH = 10


@pytest.fixture
def folder(grains: Path, tmp_path: Path) -> Path:
    """Images in the folders that the page names."""
    images = tmp_path / "images"
    for kind, label in (("normal", "class_0"), ("anomaly", "class_1")):
        for split in ("train", "test"):
            (images / split / kind).mkdir(parents=True)
        for image in sorted((grains / "train" / label).iterdir())[:IMAGES_EACH]:
            copy(image, images / "train" / kind)
    for image in (grains / "images" / "validation").iterdir():
        copy(image, images / "test" / ("normal" if "clean" in image.name else "anomaly"))
    copytree(grains / "images" / "test", images / "new")
    return tmp_path


def test_what_it_prints_for_an_amd_card_is_what_setup_says() -> None:
    machine = setup_directml.Machine("Windows", "amd64", (3, 12), adapters=("AMD Radeon RX 7600",))
    extras, reason = setup_directml.choose(machine)
    printed = f"Windows amd64: extras {extras}, in C:\\crbl\\.venv\n  {reason}\n"
    assert printed in code_blocks(PAGE)


def test_from_images_to_decisions(folder: Path) -> None:
    lines = [
        shlex.split(line) for block in code_blocks(PAGE) for line in block.splitlines() if line.startswith("crbl-")
    ]
    commands = [(name, arguments) for name, *arguments in lines if name != "crbl-doctor"]
    assert [name for name, _ in commands] == ["crbl-train", "crbl-export", "crbl-evaluate", "crbl-predict"]
    printed = ""
    for name, arguments in commands:
        result = run_command(name, *arguments, *HERE.get(name, []), cwd=folder)
        assert result.returncode == 0, result.stderr
        printed += result.stdout
    images = len(list((folder / "images" / "new").iterdir()))
    assert len(list((folder / "overlays").iterdir())) == images
    assert len((folder / "results.csv").read_text("utf-8-sig").splitlines()) == 1 + images
    for left in ("full.onnx", "full.md", "full.parity.json", "evaluation/metrics.json", "review/report.html"):
        assert (folder / left).is_file()
    # The lines that the page quotes have this form.
    for quoted in ("AUROC", "threshold", "largest |logit error| of the model file", "PASSED"):
        assert re.search(rf"^ *{re.escape(quoted)}", printed, re.MULTILINE), quoted
        assert quoted in PAGE.read_text(encoding="utf-8")
