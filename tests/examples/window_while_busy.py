"""What the window does while a prediction takes its time: prints its headings, one a line, as they change.

    python window_while_busy.py FOLDER_OF_DROP_WINDOW MODEL IMAGE IMAGE

The first prediction ends no sooner than the window has answered a hundred times, and been given the second image.
"""

import sys
import threading
import tkinter as tk
from pathlib import Path
from typing import Any

from crbl_runtime import Detector, Prediction

TURNS = 100

sys.path.insert(0, sys.argv[1])
import drop_window  # noqa: E402


class BusyDetector(Detector):
    """Waits, at its first image, until it may go on."""

    go_on = threading.Event()

    def predict(self, image: Any, **options: Any) -> Prediction:
        assert self.go_on.wait(60), "the window did not answer while this thread was busy"
        return super().predict(image, **options)


def main() -> None:
    """Give two images, the second one while the first is being predicted."""
    model, first, second = map(Path, sys.argv[2:])
    drop_window.Detector = BusyDetector
    root = tk.Tk()
    window = drop_window.Window(root, model, "cpu", "")
    headings: list[str] = []

    def watch(turn: int = 0) -> None:
        shown = f"{window.decision['text']}\t{window.text['text'].splitlines()[-1]}"
        if shown not in headings[-1:]:
            headings.append(shown)
            print(shown, flush=True)
        if turn == TURNS:
            window.show(second)
            BusyDetector.go_on.set()
        if window.picture.find_withtag("image"):
            root.after_idle(root.destroy)
        else:
            root.after(5, watch, turn + 1)

    window.show(first)
    watch()
    root.mainloop()


if __name__ == "__main__":
    main()
