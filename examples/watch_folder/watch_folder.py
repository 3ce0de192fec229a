"""Predicts each new image of a folder, and appends the results to a file, a line of JSON each.

It looks into the folder again and again, because network shares report no events.
"""

import argparse
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from crbl_runtime import CRBLError, Detector, UnavailableError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


@dataclass(frozen=True)
class Version:
    """An image file at one time. Writing to it makes another version, which is predicted, too."""

    image: str
    size: int
    mtime_ns: int


def version_now(folder: Path, path: Path) -> Version | None:
    """None where it was deleted or renamed meanwhile, or where the share does not answer."""
    try:
        status = path.stat()
    except OSError:
        return None
    return Version(path.relative_to(folder).as_posix(), status.st_size, status.st_mtime_ns)


def versions_now(folder: Path) -> Iterator[Version]:
    """The images in a folder and below."""
    for parent, _, names in os.walk(folder):
        for name in sorted(names):
            if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                version = version_now(folder, Path(parent, name))
                if version is not None:
                    yield version


def done_before(results: Path) -> set[Version]:
    """What earlier runs did. A last line that is incomplete is cut off, so that its image is predicted again."""
    content = results.read_bytes() if results.exists() else b""
    complete = content[: content.rfind(b"\n") + 1]
    if complete != content:
        os.truncate(results, len(complete))
    lines = [json.loads(line) for line in complete.splitlines()]
    return {Version(line["image"], line["size"], line["mtime_ns"]) for line in lines}


def predict(detector: Detector, path: Path) -> dict[str, object]:
    """The decision, or the error that this image alone is to blame for."""
    try:
        prediction = detector.predict(path)
    except UnavailableError:
        raise  # The machine is to blame: end, and let who started this program see why.
    except CRBLError as error:
        return {"error": str(error)}
    return {"label": prediction.label, "probability": prediction.probability, "threshold": prediction.threshold}


def append(results: TextIO, version: Version, result: dict[str, object]) -> None:
    """One line, on the disk before anything else happens."""
    results.write(json.dumps(asdict(version) | result, ensure_ascii=False) + "\n")
    results.flush()
    os.fsync(results.fileno())
    if "error" in result:
        print(f"{version.image}: {result['error']}", file=sys.stderr, flush=True)


def watch(
    detector: Detector, folder: Path, results: Path, stop: threading.Event, seconds: float, patience: float
) -> None:
    """Until `stop` is set, predict each version that is the same at two looks in a row.

    Args:
        seconds: between two looks. patience: for how many seconds an image that cannot be decoded is taken for one
            that is still being written, although it does not change.
    """
    done = done_before(results)
    since: dict[Version, float] = {}
    # What UTF-8 has no bytes for, of names that are no text, is then written as JSON escapes it.
    with results.open("a", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
        while not stop.wait(seconds):
            now = time.monotonic()
            since = {version: since.get(version, now) for version in versions_now(folder) if version not in done}
            for version in [version for version, first_seen in since.items() if first_seen < now]:
                if stop.is_set():
                    return
                result = predict(detector, folder / version.image)
                if version_now(folder, folder / version.image) != version:
                    continue  # It changed meanwhile.
                if "error" not in result or now - since[version] >= patience:
                    append(file, version, result)
                    done.add(version)


def main() -> None:
    """Run until Ctrl-C or SIGTERM; then what is being predicted is finished and written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="a file that crbl-export wrote")
    parser.add_argument("folder", type=Path, help="where images arrive, in it and below")
    parser.add_argument("results", type=Path, help="JSON Lines; what it holds already is not done again")
    parser.add_argument("--provider", default="auto")
    parser.add_argument("--seconds", type=float, default=1.0, help="between two looks [1]")
    parser.add_argument("--patience", type=float, default=60.0, help="until a broken image is reported [60]")
    options = parser.parse_args()
    if not options.folder.is_dir():
        parser.error(f"there is no folder {options.folder}")
    stop = threading.Event()
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):  # SIGBREAK: Ctrl-Break and a closed window on Windows.
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: stop.set())
    try:
        with Detector(options.model, provider=options.provider) as detector:
            print(f"watching {options.folder} on {detector.provider.kind}", file=sys.stderr, flush=True)
            watch(detector, options.folder, options.results, stop, options.seconds, options.patience)
    except (CRBLError, OSError) as error:
        sys.exit(f"watch_folder: {error}")


if __name__ == "__main__":
    main()
