"""With this folder on PYTHONPATH, every Python under Wine starts with what DirectML needs there."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import directml_on_wine

directml_on_wine.install()
