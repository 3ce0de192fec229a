"""A window to drop an image on: what the model decides, and which parts of the image it decides by."""

import argparse
import tkinter as tk
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from tkinter import filedialog
from tkinter.font import nametofont
from typing import Any

import numpy as np
from PIL import Image, ImageOps, ImageTk

from crbl_runtime import CRBLError, Detector, Prediction, decode

SIDE, PANEL = 520, 320
BAR = PANEL - 48
PAPER, CARD, INK, PALE = "#eef0f3", "#ffffff", "#1f2937", "#667085"
NORMAL, ANOMALY = "#15803d", "#c81e1e"
TOWARDS_NORMAL, TOWARDS_ANOMALY = (22, 92, 214), (224, 24, 32)
# What an even heatmap adds up to when all its cells are in full colour: a probability of 0.9997, or of 0.0003.
FULL_COLOUR_LOGIT = 8


def judge(detector: Detector, path: Path) -> tuple[Image.Image, Prediction]:
    """An image with its heatmap, no larger than it is shown, and what the model makes of it."""
    prediction = detector.predict(path)
    return ImageOps.contain(with_heatmap(Image.fromarray(decode(path)), prediction), (SIDE, SIDE)), prediction


def with_heatmap(picture: Image.Image, prediction: Prediction) -> Image.Image:
    """Red where it speaks for an anomaly, blue where against; as it is where the model file has no heatmap."""
    if prediction.heatmap is None:
        return picture
    x, y, width, height = prediction.box
    share = np.clip(prediction.heatmap * prediction.heatmap.size / FULL_COLOUR_LOGIT, -1, 1)
    colours = np.where(share[..., None] > 0, TOWARDS_ANOMALY, TOWARDS_NORMAL).astype(np.uint8)
    strength = Image.fromarray((np.abs(share) * 170).astype(np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    tint = Image.fromarray(colours).resize((width, height), Image.Resampling.NEAREST)
    seen = picture.crop((x, y, x + width, y + height)).convert("L").convert("RGB")
    picture.paste(Image.composite(tint, seen, strength), (x, y))
    return picture


class Window:
    """The widgets. Whatever takes time is done by another thread, so that the window answers meanwhile."""

    def __init__(self, root: tk.Tk, model: Path, provider: str, invitation: str) -> None:
        self.root, self.invitation = root, invitation
        self.worker = ThreadPoolExecutor(1)
        self.detector = self.worker.submit(Detector, model, provider)
        font = nametofont("TkDefaultFont")
        font.configure(size=11)
        root.title(f"CRBL: {model.name}")
        root.configure(background=PAPER, padx=20, pady=20)
        root.resizable(False, False)
        self.picture = tk.Canvas(root, width=SIDE, height=SIDE, background=CARD, highlightthickness=0, cursor="hand2")
        self.picture.grid(row=0, column=0, padx=(0, 20))
        self.picture.bind("<Button-1>", lambda _: self.choose())
        panel = tk.Frame(root, width=PANEL, height=SIDE, background=CARD, padx=24, pady=24)
        panel.grid(row=0, column=1)
        panel.pack_propagate(False)
        self.decision = tk.Label(panel, background=CARD, font=(font.actual("family"), 24, "bold"), anchor="w")
        self.decision.pack(fill="x")
        self.bar = tk.Canvas(panel, width=BAR, height=20, background=CARD, highlightthickness=0)
        self.bar.pack(pady=16)
        self.text = tk.Label(panel, background=CARD, foreground=INK, wraplength=BAR, justify="left", anchor="nw")
        self.text.pack(fill="both", expand=True)
        button = tk.Button(panel, text="Choose an image …", command=self.choose, pady=8, relief="flat")
        button.configure(background=INK, foreground=CARD, activebackground=PALE, activeforeground=CARD)
        button.pack(fill="x")
        self.say("Loading …", PALE, f"The model {model.name} is being loaded and tested.")
        self.when_done(self.detector, self.ready)

    def choose(self) -> None:
        """Let the user pick a file."""
        if chosen := filedialog.askopenfilename(parent=self.root, title="Choose an image"):
            self.show(Path(chosen))

    def show(self, path: Path) -> None:
        """Predict an image. Where another one is given meanwhile, that one is shown."""
        self.say("Looking …", PALE, path.name)
        self.awaited.cancel()
        judged = self.worker.submit(lambda: judge(self.detector.result(), path))
        self.when_done(judged, lambda found: self.answer(path, *found))

    def when_done(self, future: Future[Any], then: Callable[[Any], None]) -> None:
        """Hand on the result of what was begun last. Widgets belong to one thread, so that it asks again and again."""
        self.awaited = future

        def look() -> None:
            if future is not self.awaited:
                return
            if not future.done():
                self.root.after(20, look)
            elif error := future.exception():
                reason = str(error) if isinstance(error, CRBLError) else f"{type(error).__name__}: {error}"
                self.say("No result", ANOMALY, reason)
            else:
                then(future.result())

        look()

    def ready(self, detector: Detector) -> None:
        self.say("Ready", INK, f"The model runs on {detector.provider.kind}.")

    def answer(self, path: Path, picture: Image.Image, prediction: Prediction) -> None:
        colour = ANOMALY if prediction.is_anomaly else NORMAL
        facts = [
            f"Probability of an anomaly: {prediction.probability:.4f}",
            f"Threshold: {prediction.threshold:g}",
            f"Computed on: {prediction.provider}",
            f"Image: {path.name}",
            *prediction.notes,
            *filter(None, [prediction.fallback]),
        ]
        self.say(prediction.label.capitalize(), colour, "\n\n".join(facts), picture)
        self.bar.create_rectangle(0, 4, BAR, 16, fill=PAPER, width=0)
        self.bar.create_rectangle(0, 4, BAR * prediction.probability, 16, fill=colour, width=0)
        self.bar.create_line(BAR * prediction.threshold, 0, BAR * prediction.threshold, 20, fill=INK, width=2)

    def say(self, decision: str, colour: str, text: str, picture: Image.Image | None = None) -> None:
        """Fill the window; without a picture it invites to give one."""
        self.decision.configure(text=decision, foreground=colour)
        self.text.configure(text=text)
        self.bar.delete("all")
        self.picture.delete("all")
        if picture is None:
            self.picture.create_rectangle(24, 24, SIDE - 24, SIDE - 24, outline=PALE, dash=(6, 6))
            self.picture.create_text(SIDE / 2, SIDE / 2, text=self.invitation, fill=PALE, justify="center")
        else:
            self.shown = ImageTk.PhotoImage(picture)  # Tk itself does not keep it.
            self.picture.create_image(SIDE / 2, SIDE / 2, image=self.shown, tags="image")


def main() -> None:
    """Open the window, with the first image where one is given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="a file that crbl-export wrote")
    parser.add_argument("image", type=Path, nargs="?")
    parser.add_argument("--provider", default="auto")
    options = parser.parse_args()
    try:
        from tkinterdnd2 import DND_FILES, TkinterDnD

        root = TkinterDnD.Tk()
        window = Window(root, options.model, options.provider, "Drop an image here\nor click to choose one")
        root.drop_target_register(DND_FILES)
        root.dnd_bind("<<Drop>>", lambda event: window.show(Path(root.tk.splitlist(event.data)[0])))
    except (ImportError, RuntimeError) as error:
        root = tk.Tk()
        why = f"Click to choose an image\n\n(dropping needs the package tkinterdnd2: {error})"
        window = Window(root, options.model, options.provider, why)
    if options.image is not None:
        window.show(options.image)
    root.mainloop()
    window.worker.shutdown(cancel_futures=True)


if __name__ == "__main__":
    main()
