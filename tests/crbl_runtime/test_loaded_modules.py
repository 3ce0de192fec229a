"""What importing the runtime loads, all of it, so that an application that embeds it knows."""

import os
import subprocess
import sys
from pathlib import Path

import cv2

import crbl_runtime

FOLDERS = [Path(crbl_runtime.__file__).parents[1], Path(cv2.__file__).parents[1]]
# The packages that the runtime is built on.
ALLOWED = {"PIL", "crbl_runtime", "cv2", "numpy", "onnxruntime"}
# What those that are written in Cython leave behind, which are no packages: _cython_3_0_2, cython_runtime.
OF_CYTHON = ("_cython_", "cython_runtime")

ALL = """
import sys
before = set(sys.modules)
from crbl_runtime import *
loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
print(*sorted(loaded - sys.stdlib_module_names))
"""


def test_all_that_the_runtime_offers_loads_these_modules_and_no_others() -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, FOLDERS))}
    told = subprocess.run([sys.executable, "-c", ALL], capture_output=True, text=True, env=environment)
    assert told.returncode == 0, told.stderr
    assert {name for name in told.stdout.split() if not name.startswith(OF_CYTHON)} == ALLOWED
