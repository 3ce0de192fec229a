"""Installations that are missing, emptied, broken or double: said as what they are, with commands that mend them."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

import crbl_runtime
from crbl_runtime import installation
from crbl_runtime.installation import broken_installation, conflicts
from installed_metadata import add_distribution

PROJECT = Path(crbl_runtime.__file__).parents[1]
PACKAGES = Path(cv2.__file__).parents[1]
PREDICT = """
import sys
sys.argv = ["crbl-predict", *sys.argv[1:]]
from crbl_runtime.commands import crbl_predict
crbl_predict()
"""
NOT_LOADED = "raise ImportError('DLL load failed while importing cv2: The specified module could not be found.')"

needs_links = pytest.mark.skipif(os.name == "nt", reason="Windows lets few users make symbolic links")


@pytest.fixture
def inputs(photographs: Path, tmp_path: Path) -> list[Path]:
    """A model file, which nobody comes to read, and an image."""
    model = tmp_path / "crop.onnx"
    model.write_bytes(b"no model")
    return [model, photographs / "coffee_0.png"]


def python(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """A Python that looks for packages in the folder first."""
    search_path = os.pathsep.join(map(str, [folder, PROJECT, PACKAGES]))
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": search_path})


def packages_without(name: str, folder: Path, *, emptied: bool) -> Path:
    """What is installed here, but for one package: its folder has nothing in it, or is not there."""
    folder.mkdir()
    for entry in PACKAGES.iterdir():
        (folder / entry.name).symlink_to(entry)
    (folder / name).unlink()
    if emptied:
        (folder / name).mkdir()
    return folder


@needs_links
@pytest.mark.parametrize("emptied", [True, False])
@pytest.mark.parametrize("package", ["cv2", "onnxruntime", "PIL", "numpy"])
def test_a_package_without_its_files_ends_with_3_and_commands_that_mend_it(
    package: str, emptied: bool, inputs: list[Path], tmp_path: Path
) -> None:
    folder = packages_without(package, tmp_path / "packages", emptied=emptied)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, [folder, PROJECT]))}
    # -S: the packages that are installed here are found nowhere else.
    command = [sys.executable, "-S", "-c", PREDICT, *map(str, inputs)]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (ended.returncode, ended.stdout) == (3, "")
    assert "Traceback" not in ended.stderr
    wanted = installation.DEPENDENCIES[package].distributions[0]
    assert f"{sys.executable} -m pip install {wanted}\n" in ended.stderr
    assert f"{sys.executable} -m pip uninstall -y {wanted}\n" in ended.stderr


@needs_links
def test_an_onnxruntime_that_no_extra_has_brought_is_told_with_the_extras(tmp_path: Path) -> None:
    folder = packages_without("onnxruntime", tmp_path / "packages", emptied=False)
    for record in folder.glob("onnxruntime*.dist-info"):
        record.unlink()
    code = "from crbl_runtime.installation import broken_installation; print(broken_installation())"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, [folder, PROJECT]))}
    told = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, env=environment).stdout
    assert "The package onnxruntime is not installed" in told
    assert "what the extra default has for this system; there are also cuda, openvino." in told
    assert told.endswith("pip install onnxruntime\n")


@needs_links
@pytest.mark.parametrize("package", ["cv2", "onnxruntime"])
def test_programs_that_use_the_package_get_a_typed_error_with_the_same_words(package: str, tmp_path: Path) -> None:
    folder = packages_without(package, tmp_path / "packages", emptied=True)
    code = (
        "import crbl_runtime\ntry: crbl_runtime.Detector\nexcept crbl_runtime.UnavailableError as error: print(error)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, [folder, PROJECT]))}
    told = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, env=environment)
    assert "its folder is there, but its files are gone" in told.stdout, told.stderr
    assert "-m pip install" in told.stdout


def test_a_package_that_cannot_be_loaded_and_a_second_one_in_its_place(inputs: list[Path], tmp_path: Path) -> None:
    (tmp_path / "cv2").mkdir()
    (tmp_path / "cv2" / "__init__.py").write_text(NOT_LOADED)
    one = python(tmp_path, "-c", PREDICT, *inputs)
    assert (one.returncode, one.stdout) == (3, "")
    assert "cv2 cannot be imported (DLL load failed while importing cv2" in one.stderr
    add_distribution("opencv-python", "4.9.0", tmp_path)
    two = python(tmp_path, "-c", PREDICT, *inputs)
    assert two.returncode == 3
    assert "opencv-python-headless and opencv-python are installed together" in two.stderr
    assert "pip uninstall -y opencv-python-headless opencv-python\n" in two.stderr
    assert two.stderr.endswith("pip install opencv-python-headless\n")


def test_help_is_given_by_a_broken_installation(tmp_path: Path) -> None:
    (tmp_path / "cv2").mkdir()
    (tmp_path / "cv2" / "__init__.py").write_text(NOT_LOADED)
    assert python(tmp_path, "-c", PREDICT, "--help").returncode == 0


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (["opencv-python"], "opencv-python-headless"),
        (["opencv-contrib-python", "opencv-python"], "opencv-python-headless"),
        (["onnxruntime-gpu", "onnxruntime"], "onnxruntime-gpu"),
        (["onnxruntime-openvino", "onnxruntime"], "onnxruntime-openvino"),
        (["onnxruntime-openvino", "onnxruntime-gpu"], "onnxruntime"),
        (["onnxruntime-windowsml", "onnxruntime"], "onnxruntime"),
        (["onnxruntime-directml", "onnxruntime-windowsml"], "onnxruntime"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="the project's onnxruntime is another one there")
def test_two_that_work_are_named_with_the_one_to_keep(
    names: list[str], wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert broken_installation() is None
    for name in names:
        add_distribution(name, "4.9.0", tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (told,) = conflicts()
    assert all(name in told.fact for name in names)
    assert str(told).endswith(f"pip install {wanted}")


def test_the_project_and_the_runtime_alone_are_two_that_own_the_same_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("crbl", "crbl-runtime"):
        add_distribution(name, "4.9.0", tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (told,) = conflicts()
    assert told.fact.startswith("crbl and crbl-runtime are installed together")
    uninstall, install = told.commands
    assert uninstall.endswith(" crbl crbl-runtime")
    assert ".[default]" in install
    assert "./packaging/runtime" in install


def test_an_environment_without_pip_is_mended_by_uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "find_spec", lambda name: None)
    add_distribution("opencv-python", "4.9.0", tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    uninstall, install = conflicts()[0].commands
    assert uninstall.startswith("uv pip uninstall --python")
    assert " -y" not in uninstall
    assert install.startswith("uv pip install --python")
