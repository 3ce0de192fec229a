# python prepared_pictures.py MODEL.onnx PICTURE...
# Writes, into the current folder, what the network is given: PICTURE.rgb for each picture, and self_test.rgb.
import sys
from pathlib import Path

from crbl_runtime import Detector
from crbl_runtime.preprocessing import prepare
from crbl_runtime.self_test import self_test_images

model, *pictures = sys.argv[1:]
with Detector(model, provider="cpu") as detector:
    spec = detector.contract.preprocessing
Path("self_test.rgb").write_bytes(self_test_images(spec.image_size).tobytes())
for picture in pictures:
    Path(f"{Path(picture).stem}.rgb").write_bytes(prepare(picture, spec).pixels.tobytes())
