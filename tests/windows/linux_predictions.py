"""What this machine makes of the demo's images, for the tests of Windows binaries: linux_predictions.py MODELS TARGET.

TARGET is JSON: for each variant and image the SHA-256 of the prepared pixels, the logit on the CPU and the decision.
"""

import hashlib
import json
import sys
from pathlib import Path

from crbl_runtime import Detector
from crbl_runtime.image_folder import find_images
from crbl_runtime.preprocessing import prepare

MODELS, TARGET = map(Path, sys.argv[1:])
IMAGES = MODELS / "grains" / "images" / "test"
VARIANTS = ("crop", "full")


def predictions(variant: str) -> dict[str, dict[str, object]]:
    """By the image's name."""
    (model,) = (MODELS / variant).glob("*.onnx")
    found = {}
    with Detector(model, "cpu") as detector:
        for image in find_images(IMAGES).images:
            prepared = prepare(image, detector.preprocessing)
            (prediction,) = detector.predict_prepared([prepared])
            found[image.name] = {
                "prepared": hashlib.sha256(prepared.pixels.tobytes()).hexdigest(),
                "logit": prediction.logit,
                "is_anomaly": prediction.is_anomaly,
            }
    return found


if __name__ == "__main__":
    TARGET.write_text(json.dumps({variant: predictions(variant) for variant in VARIANTS}, indent=1), encoding="utf-8")
