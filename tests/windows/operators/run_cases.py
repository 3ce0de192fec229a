"""Runs cases in this process: run_cases.py CASES, a JSON file; prints a line of JSON for each as soon as it is done."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from windows.operators.case import Case
from windows.operators.run_case import run_case

if __name__ == "__main__":
    for values in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")):
        print("outcome", json.dumps(asdict(run_case(Case(**values)))), flush=True)
