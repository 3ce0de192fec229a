"""The window, on a screen that only this test sees: what is painted there, and that it answers while it predicts."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageGrab

from crbl_runtime import Detector
from loaded_program import loaded_program

if shutil.which("Xvfb") is None:
    pytest.skip("Xvfb is not installed: apt-get install xvfb", allow_module_level=True)
pytest.importorskip("tkinter", reason="Python has no tkinter: apt-get install python3-tk")
for package in ("tkinterdnd2", "Xlib"):
    pytest.importorskip(package, reason=f"{package} is not installed: pip install '.[test]'")

HERE = Path(__file__).parent
PROGRAM = HERE.parents[1] / "examples" / "drop_window" / "drop_window.py"
SECONDS = 60
MARGIN = 20


@pytest.fixture(scope="module")
def drop_window() -> ModuleType:
    """The program as a module, for the picture that it must show."""
    return loaded_program(PROGRAM)


@pytest.fixture(scope="module")
def screen() -> Iterator[str]:
    """The name of a screen of 1000 x 640 pixels without a window manager: windows are at its upper left."""
    ours, theirs = os.pipe()
    command = ["Xvfb", "-displayfd", str(theirs), "-screen", "0", "1000x640x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[theirs], stderr=subprocess.DEVNULL)
    os.close(theirs)
    with os.fdopen(ours) as number:
        yield f":{number.readline().strip()}"
    server.kill()
    server.wait()


@pytest.fixture
def open_window(screen: str, model: Path) -> Iterator[Callable[..., "subprocess.Popen[bytes]"]]:
    """Starts the program with these images, if any."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*images: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, PROGRAM, model, *images, "--provider", "cpu"]
        started.append(subprocess.Popen(command, env=os.environ | {"DISPLAY": screen}))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def pixels(screen: str) -> NDArray[np.uint8]:
    """What is on the screen, RGB."""
    return np.asarray(ImageGrab.grab(xdisplay=screen).convert("RGB"))


def heading_is(colour: str, side: int) -> Callable[[NDArray[np.uint8]], bool]:
    """Whether the panel's heading is written in this colour."""
    rgb = [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
    heading = np.s_[MARGIN : MARGIN + 70, side + 2 * MARGIN :]
    return lambda shown: np.count_nonzero((shown[heading] == rgb).all(axis=-1)) > 100


def wait_for(screen: str, is_there: Callable[[NDArray[np.uint8]], bool]) -> NDArray[np.uint8]:
    """The screen, as soon as it shows what is expected."""
    end = time.monotonic() + SECONDS
    while not is_there(shown := pixels(screen)):
        assert time.monotonic() < end, "the window did not show what was expected"
        time.sleep(0.05)
    return shown


def normal_and_anomaly(detector: Detector, images: list[Path]) -> tuple[Path, Path]:
    """The first image of each decision."""
    decisions = {detector.predict(image).is_anomaly: image for image in reversed(images)}
    return decisions[False], decisions[True]


def test_it_shows_the_image_with_its_heatmap_and_the_decision(
    open_window: Callable[..., object], screen: str, drop_window: ModuleType, detector: Detector, images: list[Path]
) -> None:
    side = drop_window.SIDE
    _, anomaly = normal_and_anomaly(detector, images)
    open_window(anomaly)
    shown = wait_for(screen, heading_is(drop_window.ANOMALY, side))
    expected, prediction = drop_window.judge(detector, anomaly)
    assert np.array_equal(shown[MARGIN : MARGIN + side, MARGIN : MARGIN + side], np.asarray(expected))
    assert len(np.unique(np.asarray(expected).reshape(-1, 3), axis=0)) > 1000
    assert not np.array_equal(
        np.asarray(expected), np.asarray(Image.open(anomaly).convert("RGB").resize(expected.size))
    )
    assert prediction == detector.predict(anomaly)


def test_errors_are_shown_and_a_dropped_image_takes_their_place(
    open_window: Callable[..., "subprocess.Popen[bytes]"],
    screen: str,
    drop_window: ModuleType,
    detector: Detector,
    images: list[Path],
    tmp_path: Path,
) -> None:
    side = drop_window.SIDE
    normal, _ = normal_and_anomaly(detector, images)
    window = open_window(tmp_path / "missing.png")
    wait_for(screen, heading_is(drop_window.ANOMALY, side))
    dropped = tmp_path / "떨어진 {1} $image.png"
    shutil.copy(normal, dropped)
    subprocess.run(
        [sys.executable, HERE / "drop_file.py", "300", "300", dropped],
        env=os.environ | {"DISPLAY": screen},
        check=True,
        timeout=SECONDS,
    )
    shown = wait_for(screen, heading_is(drop_window.NORMAL, side))
    expected, _ = drop_window.judge(detector, dropped)
    assert np.array_equal(shown[MARGIN : MARGIN + side, MARGIN : MARGIN + side], np.asarray(expected))
    assert window.poll() is None


def test_it_answers_while_it_predicts_and_shows_the_image_that_was_given_last(
    screen: str, model: Path, detector: Detector, images: list[Path]
) -> None:
    first, second = normal_and_anomaly(detector, images)
    ended = subprocess.run(
        [sys.executable, HERE / "window_while_busy.py", PROGRAM.parent, model, first, second],
        env=os.environ | {"DISPLAY": screen},
        capture_output=True,
        text=True,
        timeout=2 * SECONDS,
    )
    assert ended.returncode == 0, ended.stderr
    headings = [line.split("\t") for line in ended.stdout.splitlines()]
    label = detector.predict(second).label.capitalize()
    assert headings == [["Looking …", first.name], ["Looking …", second.name], [label, f"Image: {second.name}"]]


@pytest.mark.parametrize(("sign", "channel"), [(1, 0), (-1, 2)], ids=["red_for", "blue_against"])
def test_heatmaps_strongest_cell_has_the_colour_of_its_sign(
    drop_window: ModuleType, detector: Detector, images: list[Path], sign: int, channel: int
) -> None:
    prediction = detector.predict(images[0])
    assert prediction.heatmap is not None
    heatmap = np.zeros_like(prediction.heatmap)
    heatmap[2, 5] = sign
    _, _, width, height = prediction.box
    grey = Image.new("RGB", (width, height), (128, 128, 128))
    picture = np.asarray(drop_window.with_heatmap(grey, replace(prediction, heatmap=heatmap))).astype(int)
    row, column = np.unravel_index((picture.max(axis=-1) - picture.min(axis=-1)).argmax(), picture.shape[:2])
    assert picture[row, column].argmax() == channel
    assert (row * heatmap.shape[0] // height, column * heatmap.shape[1] // width) == (2, 5)
    assert (picture[-1, 0] == 128).all()
