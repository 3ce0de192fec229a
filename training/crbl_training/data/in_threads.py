"""A function of every image of a set, by all cores, with a progress bar."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

Result = TypeVar("Result")
# Results wait in memory until their turn has come, so that only so many are asked for at a time.
AT_ONCE = 512


def in_threads(function: Callable[[Path], Result], paths: Sequence[Path], description: str) -> Iterator[Result]:
    """What the function gives for each path, in order."""
    with (
        ThreadPoolExecutor() as threads,
        tqdm(total=len(paths), desc=description, unit="", leave=False, disable=None) as bar,
    ):
        for start in range(0, len(paths), AT_ONCE):
            for result in threads.map(function, paths[start : start + AT_ONCE]):
                yield result
                bar.update()
