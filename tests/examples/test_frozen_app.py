"""The frozen application: built once by PyInstaller, then run where no Python and no package is to be found."""

import os
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import crbl_runtime
from crbl_runtime import Detector

pytest.importorskip("PyInstaller", reason="PyInstaller is not installed: pip install '.[examples]'")

APP = Path(__file__).parents[2] / "examples" / "frozen_app" / "frozen_app.py"
# Of another language than the code page, and with a space.
FOLDER = "검사 Prüfung"


@pytest.fixture(scope="module")
def built(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that PyInstaller made, and what it printed in `log.txt` beside it."""
    folder = tmp_path_factory.mktemp("build")
    shutil.copy(APP, folder)
    shutil.copy(model, folder)
    command = next(
        line for line in (APP.parents[1] / "README.md").read_text("utf-8").splitlines() if "--onedir" in line
    )
    ended = subprocess.run(
        [sys.executable, "-m", "PyInstaller", *shlex.split(command)[1:]], cwd=folder, capture_output=True, text=True
    )
    (folder / "log.txt").write_text(ended.stderr, encoding="utf-8")
    assert ended.returncode == 0, ended.stderr
    return folder / "dist" / "frozen_app"


@pytest.fixture(scope="module")
def moved(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The application's folder, elsewhere and renamed, as a user gets it."""
    return built.rename(tmp_path_factory.mktemp("elsewhere") / FOLDER)


def run_outside(folder: Path, *arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the application with an environment in which nothing of this Python can be found."""
    needed = {"SYSTEMROOT": os.environ["SYSTEMROOT"]} if os.name == "nt" else {}
    path = {"PATH": os.defpath}
    return subprocess.run(
        [folder / "frozen_app", *arguments], cwd=cwd, env=needed | path, capture_output=True, encoding="utf-8"
    )


def test_results_are_those_of_a_detector_in_process(
    moved: Path, detector: Detector, images: list[Path], tmp_path: Path
) -> None:
    shutil.copy(images[0], tmp_path / "사진 1.png")
    paths = [Path("사진 1.png"), *images[1:6]]
    ended = run_outside(moved, *paths, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    expected = [detector.predict(tmp_path / path) for path in paths]
    assert ended.stdout.splitlines() == [
        f"{path}\t{prediction.label}\t{prediction.probability}"
        for path, prediction in zip(paths, expected, strict=True)
    ]
    assert len({prediction.probability for prediction in expected}) > 1


def test_image_that_cannot_be_read_does_not_end_it(moved: Path, images: list[Path], tmp_path: Path) -> None:
    (tmp_path / "cut_off.png").write_bytes(images[0].read_bytes()[:500])
    ended = run_outside(moved, "cut_off.png", images[0], cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    first, second = ended.stdout.splitlines()
    assert first.startswith("cut_off.png\terror\tcut_off.png: ")
    assert second.startswith(f"{images[0]}\t")


def test_packages_own_hook_was_used_and_no_training_package_is_inside(moved: Path, built: Path) -> None:
    assert "hook-crbl_runtime.py" in (built.parents[1] / "log.txt").read_text(encoding="utf-8")
    inside = {path.name for path in (moved / "_internal").iterdir()}
    assert {"onnxruntime", "cv2", "PIL", "model.onnx"} <= inside
    assert not inside & {"torch", "onnx", "scipy", "matplotlib", "timm", "sklearn"}


def test_hook_names_what_the_runtime_imports_when_it_is_first_used() -> None:
    hook = runpy.run_path(str(Path(crbl_runtime.__file__).parent / "__pyinstaller" / "hook-crbl_runtime.py"))
    assert {"crbl_runtime.detector", "crbl_runtime.image", "crbl_runtime.preprocessing"} <= set(hook["hiddenimports"])
    assert not [name for name in hook["hiddenimports"] if not name.startswith("crbl_runtime")]
