"""DirectML for real: some operators come out as they were recorded. directml_operators.py tries and records all.

In a process of its own, and few: a software GPU does not give the memory of a session back.
"""

import sys
from importlib import metadata

import pytest

from windows.operators.case import Case
from windows.operators.outcome import Outcome
from windows.operators.record import recorded
from windows.operators.run_case import run_case
from windows.operators.with_activation import INTO_SIGMOID

pytestmark = pytest.mark.usefixtures("directml")

CASES = (
    Case("Conv", 11, "float"),
    Case("MatMul", 13, "float16"),
    Case("Resize", 18, "float"),
    Case("Div", 14, "float", "one shape"),
    Case("Det", 11, "float"),
    Case("Cast", 13, "bool", "from float"),
    Case("Gemm", 13, "float", INTO_SIGMOID),
    Case("Reshape", 14, "float", "allowzero=1, target with -1"),
)


@pytest.fixture(scope="module")
def expected() -> dict[Case, Outcome]:
    """What was recorded with the distribution that is installed here."""
    windowsml = any(metadata.distributions(name="onnxruntime-windowsml"))
    return {row.case: row.outcomes["windowsml" if windowsml else "directml"] for row in recorded().rows}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.operator}-{case.since_version}-{case.element}")
def test_an_operator_comes_out_as_it_was_recorded(case: Case, expected: dict[Case, Outcome]) -> None:
    found = run_case(case)
    if expected[case].kind == "cannot compile" and "directml_on_wine" not in sys.modules:
        assert found.kind == "runs", "only Wine's Direct3D cannot compile it"
    else:
        assert (found.kind, found.detail) == (expected[case].kind, expected[case].detail)
