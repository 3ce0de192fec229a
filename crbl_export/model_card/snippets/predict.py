# pip install .        in the folder of crbl
# python predict.py MODEL.onnx PICTURE...
import sys

from crbl_runtime import Detector

model, *pictures = sys.argv[1:]
with Detector(model) as detector:
    for picture in pictures:
        prediction = detector.predict(picture)
        print(f"{prediction.probability:.8f} {prediction.logit:.6f} {prediction.label}")
