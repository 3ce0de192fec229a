# python prepared_images.py MODEL.onnx IMAGE...
# Writes, into the current folder, what the network is given: IMAGE.rgb for each image, and self_test.rgb.
import sys
from pathlib import Path

from crbl_runtime import Detector
from crbl_runtime.preprocessing import prepare
from crbl_runtime.self_test import self_test_images

model, *images = sys.argv[1:]
with Detector(model, provider="cpu") as detector:
    spec = detector.contract.preprocessing
Path("self_test.rgb").write_bytes(self_test_images(spec.image_size).tobytes())
for image in images:
    Path(f"{Path(image).stem}.rgb").write_bytes(prepare(image, spec).pixels.tobytes())
