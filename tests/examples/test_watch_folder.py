"""The service that watches a folder: what happens to files that are written, renamed, deleted, broken; and its end."""

import json
import runpy
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from crbl_runtime import Detector, Prediction

PROGRAM = Path(__file__).parents[2] / "examples" / "watch_folder" / "watch_folder.py"
LOOK = 0.05
MANY_LOOKS = 10 * LOOK
LONG = 60
# Windows ends a process without asking it; asking would need a console, which tests may not have.
STOPPED = 1 if sys.platform == "win32" else 0


@dataclass
class Service:
    """The program, the folder that it watches, and the file that it writes."""

    process: subprocess.Popen[bytes]
    folder: Path
    results: Path

    def lines(self) -> list[dict[str, Any]]:
        """What it has written so far."""
        written = self.results.read_text(encoding="utf-8") if self.results.exists() else ""
        return [json.loads(line) for line in written.splitlines(keepends=True) if line.endswith("\n")]

    def wait_for(self, *images: str, lines: int = 0) -> list[dict[str, Any]]:
        """Its lines, as soon as there is one for each of these images, and as many as these in all."""
        end = time.monotonic() + LONG
        while not set(images) <= {line["image"] for line in self.lines()} or len(self.lines()) < lines:
            assert self.process.poll() is None, "the service ended"
            assert time.monotonic() < end, f"waited for {images}, {lines} lines: {self.lines()}"
            time.sleep(LOOK)
        return self.lines()

    def stop(self) -> int:
        """Ask it to end, as a service manager does; its exit code."""
        self.process.terminate()
        return self.process.wait(LONG)


@pytest.fixture
def start(model: Path, tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Starts the service, with the same folder and results each time."""
    folder = tmp_path / "새 이미지"
    folder.mkdir()
    started: list[Service] = []

    def start(patience: float = LONG) -> Service:
        results = tmp_path / "results.jsonl"
        command = [sys.executable, PROGRAM, model, folder, results, "--provider", "cpu"]
        process = subprocess.Popen(
            [*command, "--seconds", str(LOOK), "--patience", str(patience)],
            stderr=subprocess.DEVNULL,
        )
        service = Service(process, folder, results)
        started.append(service)
        return service

    yield start
    for service in started:
        service.process.kill()
        service.process.wait()


def delete(path: Path) -> None:
    """As soon as nobody reads it: Windows does not let it go before."""
    while path.exists():
        with suppress(PermissionError):
            path.unlink()


def test_what_is_written_renamed_and_deleted(
    start: Callable[..., Service], detector: Detector, images: list[Path]
) -> None:
    service = start()
    folder, content = service.folder, images[1].read_bytes()
    shutil.copy(images[0], folder / "복사.png")
    service.wait_for("복사.png")
    (folder / "2026" / "below").mkdir(parents=True)
    shutil.copy(images[0], folder / "2026" / "below" / "IN_A_FOLDER.PNG")
    (folder / "deleted.png").write_bytes(content[:700])
    (folder / "renamed.tmp").write_bytes(content)
    with (folder / "slow.png").open("wb") as file:
        for start_of_piece in range(0, len(content), len(content) // 3 + 1):
            file.write(content[start_of_piece : start_of_piece + len(content) // 3 + 1])
            file.flush()
            time.sleep(MANY_LOOKS)
    delete(folder / "deleted.png")
    (folder / "renamed.tmp").replace(folder / "renamed.png")
    lines = service.wait_for("복사.png", "2026/below/IN_A_FOLDER.PNG", "renamed.png", "slow.png")
    time.sleep(MANY_LOOKS)
    assert lines == service.lines()
    found = {line["image"]: (line["label"], line["probability"], line["threshold"]) for line in lines}
    assert len(found) == len(lines) == 4
    for image, probability in found.items():
        expected = detector.predict(folder / image)
        assert probability == (expected.label, expected.probability, expected.threshold)
    assert service.stop() == STOPPED


def test_result_of_a_file_that_changed_while_it_was_predicted_is_thrown_away(
    model: Path, detector: Detector, images: list[Path], tmp_path: Path
) -> None:
    folder, results, stop = tmp_path / "folder", tmp_path / "results.jsonl", threading.Event()
    folder.mkdir()
    image = folder / "image.png"
    shutil.copy(images[0], image)

    class WrittenMeanwhile(Detector):
        """The image's writer goes on while it is predicted first, and the service ends after the second time."""

        predictions = 0

        def predict(self, image: Any, **options: Any) -> Prediction:
            prediction = super().predict(image, **options)
            self.predictions += 1
            if self.predictions == 1:
                shutil.copy(images[9], image)
            else:
                stop.set()
            return prediction

    watch = runpy.run_path(str(PROGRAM))["watch"]
    with WrittenMeanwhile(model, provider="cpu") as slow:
        watch(slow, folder, results, stop, LOOK, LONG)
    (line,) = results.read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["probability"] == detector.predict(images[9]).probability


def test_image_that_changes_is_predicted_again(
    start: Callable[..., Service], detector: Detector, images: list[Path]
) -> None:
    service = start()
    image = service.folder / "same_name.png"
    shutil.copy(images[0], image)
    service.wait_for(image.name)
    shutil.copy(images[9], image)
    service.wait_for(lines=2)
    expected = [detector.predict(path).probability for path in (images[0], images[9])]
    assert [line["probability"] for line in service.lines()] == expected


def test_broken_image_is_reported_once_and_again_when_it_was_written_anew(
    start: Callable[..., Service], images: list[Path]
) -> None:
    service = start(patience=0.2)
    (service.folder / "broken.png").write_bytes(images[0].read_bytes()[:700])
    (line,) = service.wait_for("broken.png")
    assert "broken.png" in line["error"]
    assert "probability" not in line
    time.sleep(MANY_LOOKS)
    assert service.lines() == [line]
    assert service.stop() == STOPPED

    service = start(patience=0.2)
    shutil.copy(images[0], service.folder / "another.png")
    service.wait_for("another.png")
    shutil.copy(images[0], service.folder / "broken.png")
    before, another, whole = service.wait_for(lines=3)
    assert before == line
    assert another["probability"] == whole["probability"]


def test_stopped_in_the_middle_it_goes_on_where_it_was(start: Callable[..., Service], images: list[Path]) -> None:
    service = start()
    for number in range(10):
        for image in images:
            shutil.copy(image, service.folder / f"{number}_{image.name}")
    service.wait_for(lines=5)
    assert service.stop() == STOPPED
    before = service.lines()

    # A line that a power cut left half written.
    with service.results.open("a", encoding="utf-8") as file:
        file.write(json.dumps(before[-1] | {"image": "half"})[:-20])
    service = start()
    service.wait_for(*(path.name for path in service.folder.iterdir()))
    lines = service.lines()
    assert lines[: len(before)] == before
    assert len(lines) == len({line["image"] for line in lines}) == 10 * len(images)


def test_killed_it_has_lost_nothing_that_it_wrote(start: Callable[..., Service], images: list[Path]) -> None:
    service = start()
    for image in images:
        shutil.copy(image, service.folder)
    service.wait_for(lines=1)
    service.process.kill()
    service.process.wait()
    before = service.results.read_bytes()
    service = start()
    service.wait_for(*(image.name for image in images))
    assert service.results.read_bytes().startswith(before[: before.rfind(b"\n") + 1])
    assert len(service.lines()) == len(images)


def test_folder_that_is_missing_is_wrong_usage(model: Path, tmp_path: Path) -> None:
    command = [sys.executable, PROGRAM, model, tmp_path / "none", tmp_path / "results.jsonl"]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 2
    assert "there is no folder" in ended.stderr
