"""The peak of resident memory while crbl-train learns from many images with a small --memory-budget.

    python benchmarks/large_data.py FOLDER [--train 100000] [--validation 20000] [--image-size 64] [--steps 300]

Makes the images in FOLDER, unless they are there, and starts crbl-train as a process of its own: the full variant from
random weights, one epoch. It is stopped after so many steps, since an epoch takes hours on a small machine and what a
step needs does not grow with the number of images; 0 lets it end. What each line took is told by the time before it.
Options of crbl-train after `--` replace these: `-- --head-start solved --epochs 0`.
"""

import subprocess
import sys
import time
from pathlib import Path

import click
import cv2
import numpy as np

BATCH = 32
NAMES = ("normal", "anomaly")
STATUS = Path("/proc")


def make_images(folder: Path, count: int, side: int, seed: int) -> None:
    """Half of them with a dark speck, all of them of another texture."""
    random = np.random.default_rng(seed)
    for name in NAMES:
        (folder / name).mkdir(parents=True)
    for number in range(count):
        coarse = random.integers(90, 230, (8, 8), np.uint8)
        image = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
        if number % 2:
            cv2.circle(image, tuple(random.integers(8, side - 8, 2).tolist()), 3, 20, -1)
        written = cv2.imwrite(str(folder / NAMES[number % 2] / f"{number:06}.png"), image)
        assert written


def peak_megabytes(process: int) -> dict[str, float]:
    """The peak of resident memory so far, and what of it is resident now, in MB of 10^6 bytes."""
    lines = (STATUS / str(process) / "status").read_text().splitlines()
    values = dict(line.split(":", 1) for line in lines)
    return {name: int(values[name].split()[0]) * 1024 / 1e6 for name in ("VmHWM", "VmRSS", "RssFile") if name in values}


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--train", default=100_000)
@click.option("--validation", default=20_000)
@click.option("--image-size", default=64)
@click.option("--steps", default=300, help="Stop after so many steps of the epoch; 0: not at all.")
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def main(folder: Path, train: int, validation: int, image_size: int, steps: int, options: tuple[str, ...]) -> None:
    """Print what crbl-train prints, each line with the time and the peak of resident memory before it."""
    sets = {name: folder / f"{name}_{count}" for name, count in (("train", train), ("validation", validation))}
    for seed, (path, count) in enumerate(zip(sets.values(), (train, validation), strict=True)):
        if not path.is_dir():
            make_images(path, count, image_size, seed)
    command = (
        *("--variant", "full", "--data", sets["train"], "--val", sets["validation"], "--out", folder / "run"),
        *("--weights", "none", "--head-start", "random", "--epochs", 1, "--image-size", image_size),
        *("--batch-size", BATCH, "--device", "cpu"),
        *("--memory-budget", 0.1, "--save-steps", steps, *options),
    )
    started = time.perf_counter()
    state = folder / "run" / "training_state.safetensors"
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "crbl_training", *map(str, command)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            told(started, process.pid, line.rstrip())
            if line.startswith("Frozen layers") and "training" in line:
                break
        while steps and process.poll() is None and not state.is_file():
            time.sleep(1)
        if steps and process.poll() is None:
            told(started, process.pid, f"stopped after {steps} steps")
            process.kill()
            return
        for line in process.stdout:
            told(started, process.pid, line.rstrip())


def told(started: float, process: int, line: str) -> None:
    """One line with the seconds since the start, and the process's memory."""
    memory = "  ".join(f"{name} {value:,.0f} MB" for name, value in peak_megabytes(process).items())
    click.echo(f"{time.perf_counter() - started:7.0f} s  {memory}  {line}")


if __name__ == "__main__":
    main()
