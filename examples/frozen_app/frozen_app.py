"""Image paths in, decisions out: a program that PyInstaller turns into a folder which needs no Python."""

import sys
from pathlib import Path

from crbl_runtime import Detector, ImageError

with Detector(Path(__file__).parent / "model.onnx") as detector:
    for path in sys.argv[1:]:
        try:
            prediction = detector.predict(path)
            print(path, prediction.label, prediction.probability, sep="\t")
        except ImageError as error:
            print(path, "error", error, sep="\t")
