"""What `import crbl_runtime` adds to importing numpy, OpenCV, Pillow and onnxruntime: the median of ten new processes.

    python benchmarks/import_time.py

CPU time, because wall time is that of whatever else the machine does. `Detector` is used once, since most of the
package is imported at that time.
"""

import subprocess
import sys
from statistics import median

PROCESSES = 10
PROGRAM = """
import time
import numpy, cv2, PIL.Image, onnxruntime
wall, cpu = time.perf_counter(), time.thread_time()
import crbl_runtime
crbl_runtime.Detector
print(time.perf_counter() - wall, time.thread_time() - cpu)
"""


def main() -> None:
    times = [measure() for _ in range(PROCESSES)]
    wall, cpu = (1000 * median(each[place] for each in times) for place in (0, 1))
    print(f"import crbl_runtime: {cpu:.1f} ms of CPU time, {wall:.1f} ms of wall time")


def measure() -> tuple[float, float]:
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    wall, cpu = map(float, ended.stdout.split())
    return wall, cpu


if __name__ == "__main__":
    main()
