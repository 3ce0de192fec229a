# pip install ".[default]"        in the folder of crbl
# python predict.py MODEL.onnx IMAGE...
import sys

from crbl_runtime import Detector

model, *images = sys.argv[1:]
with Detector(model) as detector:
    for image in images:
        prediction = detector.predict(image)
        print(f"{prediction.probability:.8f} {prediction.logit:.6f} {prediction.label}")
