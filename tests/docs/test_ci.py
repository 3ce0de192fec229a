"""docs/ci.md: the workflow and the script run as they stand there, and their exit codes are those that it tells."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from shutil import copy, copytree

import pytest
import yaml

from actionlint import actionlint
from public_commands import Trained

PROJECT = Path(__file__).parents[2]
PAGE = PROJECT / "docs" / "ci.md"

if sys.platform == "win32":
    pytest.skip("the script is for a POSIX shell", allow_module_level=True)


def block(language: str) -> str:
    (text,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert isinstance(text, str)
    return text


WORKFLOW, SCRIPT = block("yaml"), block("sh")
JOBS = yaml.safe_load(WORKFLOW)["jobs"]


@dataclass(frozen=True)
class Repository:
    """What docs/ci.md says to check in, and the environment of a job in it."""

    folder: Path
    variables: dict[str, str]

    def run(self, program: str) -> subprocess.CompletedProcess[str]:
        """With bash's options of GitHub Actions."""
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", program]
        return subprocess.run(command, cwd=self.folder, env=self.variables, capture_output=True, text=True)

    def check(self) -> subprocess.CompletedProcess[str]:
        (self.folder / "check_parity.sh").write_text(SCRIPT, encoding="utf-8")
        command = ["sh", "check_parity.sh"]
        return subprocess.run(command, cwd=self.folder, env=self.variables, capture_output=True, text=True)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, PROJECT]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return folder


@pytest.fixture
def repository(wheels: Path, crop: Trained, grains: Path, tmp_path: Path) -> Repository:
    """pip installs the wheel into a folder beside it, and takes what crbl needs from this environment."""
    folder, installed = tmp_path / "repository", wheels.with_name("installed")
    copytree(wheels, folder / "wheels")
    (folder / "models").mkdir()
    copy(crop.model, folder / "models" / "crop.onnx")
    copy(crop.model.with_suffix(".parity.json"), folder / "models" / "crop.parity.json")
    copy(crop.checkpoint, folder / "models" / "CRBL_crop.safetensors")
    copytree(grains / "images" / "validation", folder / "images" / "validation")
    programs = [installed / "bin", Path(sys.executable).parent, *os.environ["PATH"].split(os.pathsep)]
    variables = os.environ | {
        "PATH": os.pathsep.join(map(str, programs)),
        "PIP_TARGET": str(installed),
        "PIP_NO_DEPS": "1",
        "PIP_NO_INDEX": "1",
        "PYTHONPATH": str(installed),
    }
    return Repository(folder, variables)


def test_the_workflow_is_one() -> None:
    found = actionlint(WORKFLOW)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize("job", JOBS)
def test_each_step_of_a_job_passes(job: str, repository: Repository) -> None:
    programs = [step["run"] for step in JOBS[job]["steps"] if "run" in step]
    assert programs[0].startswith("python -m pip install")
    for program in programs:
        result = repository.run(program)
        assert result.returncode == 0, f"{program}\n{result.stdout}{result.stderr}"
    assert "PASSED" in result.stdout
    # The commands are those of the wheel, not of this environment.
    assert Path(repository.run("command -v crbl-verify").stdout).is_relative_to(repository.variables["PIP_TARGET"])


def test_the_script_passes_where_the_file_decides_as_pytorch_did(repository: Repository) -> None:
    result = repository.check()
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.endswith("crop.onnx decides here as PyTorch did.\n")
    assert json.loads((repository.folder / "parity.json").read_text())["passed"]


def test_the_script_tells_what_is_wrong_by_its_exit_code(repository: Repository, tmp_path: Path) -> None:
    done = tmp_path / "done already"  # Installing and the doctor, which the tests above run.
    done.mkdir()
    for name in ("python", "crbl-doctor"):
        (done / name).symlink_to("/bin/true")
    repository.variables["PATH"] = f"{done}{os.pathsep}{repository.variables['PATH']}"
    report = repository.folder / "models" / "crop.parity.json"
    image = next((repository.folder / "images" / "validation").iterdir())
    content = image.read_bytes()
    image.unlink()
    missing = repository.check()
    assert (missing.returncode, missing.stderr) == (4, "Some of the images are missing: see parity.json.\n")
    image.write_bytes(content)

    values = json.loads(report.read_text())
    recorded = values["record"]["images"][0]
    recorded |= {"logit": -20.0 if recorded["is_anomaly"] else 20.0, "is_anomaly": not recorded["is_anomaly"]}
    report.write_text(json.dumps(values))
    other = repository.check()
    assert (other.returncode, other.stderr) == (1, "crop.onnx decides otherwise here: see parity.json.\n")

    values["record"]["model_sha256"] = "0" * 64
    report.write_text(json.dumps(values))
    foreign = repository.check()
    assert foreign.returncode == 2
    assert foreign.stderr.endswith("There was nothing to compare.\n")
