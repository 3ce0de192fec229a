"""Runs cases one after the other: worker.py KIND FIRST END. To repeat one that failed: worker.py KIND NUMBER.

Before each it prints its number, so that whoever reads knows which one ended the process; behind it how it went, the
CPU time in seconds and the memory that it took at most, in bytes.
"""

import importlib
import os
import sys
import time
import traceback
from pathlib import Path

import cv2

sys.path.insert(0, str(Path(__file__).parents[2]))  # What tests share.

from peak_memory import forget_peak, peak_memory

from crbl_runtime.errors import CRBLError


def main(kind: str, first: int, end: int) -> None:
    cases = importlib.import_module(kind)
    if os.name == "nt":
        cv2.setNumThreads(1)  # As in conftest.py: Wine lacks what OpenCV makes its threads with.
    for number in range(first, end):
        print(f"begin {number}", flush=True)
        forget_peak()
        before, started = peak_memory(), time.process_time()
        outcome = "result"
        try:
            cases.run_case(number)
        except CRBLError as error:
            outcome = type(error).__name__
            if end == first + 1:
                print(f"{outcome}: {error}", file=sys.stderr)
        except BaseException as error:
            outcome = f"!{type(error).__name__}"
            traceback.print_exc()
        seconds = time.process_time() - started
        after = peak_memory()
        memory = after - before if before is not None and after is not None else 0
        print(f"end {number} {outcome} {seconds:.3f} {memory}", flush=True)


if __name__ == "__main__":
    kind, first, *end = sys.argv[1:]
    main(kind, int(first), int(end[0]) if end else int(first) + 1)
