"""What a program in Python imports."""

import json
import subprocess
import sys

import pytest

import crbl_export


def test_everything_listed_is_there() -> None:
    for name in crbl_export.__all__:
        assert callable(getattr(crbl_export, name)), name
    assert set(crbl_export.__all__) <= set(dir(crbl_export))


def test_what_is_not_listed_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="export_everything"):
        crbl_export.export_everything  # noqa: B018


def test_the_package_and_what_the_help_needs_start_without_torch_and_onnx() -> None:
    script = (
        "import json, sys, crbl_export\n"
        "import crbl_export.options, crbl_export.parity.limits\n"
        "heavy = ('torch', 'onnx', 'onnxsim', 'timm')\n"
        "print(json.dumps([name for name in heavy if name in sys.modules]))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(result.stdout) == []
