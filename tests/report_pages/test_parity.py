"""The page of crbl-parity --report in a real browser, of a file that passes and of one that fails."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from crbl_runtime.report.page import filled_page
from filled_page import FilledPage
from parity_pages import with_moved_logits
from public_commands import Trained, run_command
from report_pages.conftest import Open

# Windows has no such names.
HOSTILE = "'><img src=x onerror=alert(1)>.png" if os.name == "nt" else '"><img src=x onerror=alert(1)>.png'
PHONE = (390, 844)


@dataclass(frozen=True)
class Reported:
    """A page, and what `--json` printed of the same run."""

    path: Path
    gate: dict[str, Any]

    @property
    def report(self) -> dict[str, Any]:
        """Of the only provider."""
        (report,) = self.gate["reports"]
        return dict(report)

    @property
    def logits(self) -> dict[str, float]:
        """PyTorch's in float64, by the names of the images."""
        return {image["name"]: image["logit"] for image in self.gate["record"]["images"]}


@pytest.fixture(scope="module")
def images(grains: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six images of grains, one of them with a name that tries to be HTML."""
    folder = tmp_path_factory.mktemp("images")
    *others, last = sorted((grains / "images" / "test").iterdir())[:6]
    for path in others:
        shutil.copy(path, folder)
    shutil.copy(last, folder / HOSTILE)
    return folder


def _reported(crop: Trained, model: Path, images: Path, folder: Path) -> Reported:
    given = (model, "--checkpoint", crop.checkpoint, "--verify", images)
    run = run_command("crbl-parity", *given, "--report", folder, "--json")
    return Reported(folder / "report.html", json.loads(run.stdout))


@pytest.fixture(scope="module")
def passed(crop: Trained, images: Path, tmp_path_factory: pytest.TempPathFactory) -> Reported:
    """A file that decides as its checkpoint does."""
    reported = _reported(crop, crop.model, images, tmp_path_factory.mktemp("passed"))
    assert reported.gate["passed"]
    return reported


@pytest.fixture(scope="module")
def failed(crop: Trained, images: Path, tmp_path_factory: pytest.TempPathFactory) -> Reported:
    """A file whose bias is another one, so that every anomaly is called normal."""
    folder = tmp_path_factory.mktemp("failed")
    (folder / "changed.onnx").write_bytes(with_moved_logits(crop.model, -100))
    reported = _reported(crop, folder / "changed.onnx", images, folder)
    assert reported.report["flips"] > 0
    return reported


def test_the_verdict_comes_first_with_the_numbers_of_the_json(passed: Reported, open_page: Open) -> None:
    page, report = open_page(passed.path), passed.report
    assert page.locator("main > *").first.locator("p").all_inner_texts() == [
        "PASSED",
        f"On 6 images, run on cpu, the largest logit error is {report['error_onnx']:.2e}, where {report['limit']:.2e} "
        "is allowed, and no decision differs.",
    ]
    rows = [row.split("\t") for row in page.locator(".quantiles tbody tr").all_inner_texts()]
    quantiles = {row[0]: row[1:] for row in rows}
    assert quantiles["largest"] == [f"{report[key]:.2e}" for key in ("error_torch", "error_onnx", "limit")]
    assert quantiles["median"] == [
        f"{report[key]:.2e}" for key in ("median_error_torch", "median_error_onnx", "median_limit")
    ]
    assert report["worst_image"] in page.locator(".quantiles p").inner_text()
    assert "None. The file decides on all 6 images" in page.locator(".flips").inner_text()
    assert page.title() == f"PASSED: {FilledPage.read(passed.path).data['model']['file']} – Parity report"


def test_every_image_is_named_with_its_logits_and_picture(passed: Reported, open_page: Open) -> None:
    page = open_page(passed.path)
    for section in (".largest-errors", ".nearest"):
        cards = page.locator(f"{section} .image-card")
        assert cards.count() == 6
        shown = {}
        for card in cards.all():
            shown[card.locator(".name").inner_text()] = (
                card.locator("tbody tr").first.locator("td").all_inner_texts()[0]
            )
        assert shown == {name: f"{logit:.6f}" for name, logit in passed.logits.items()}
    assert HOSTILE in shown
    pictures = page.locator(".image-card img")
    assert pictures.count() == 12
    assert pictures.evaluate_all("pictures => pictures.every(picture => picture.naturalWidth > 0)")
    assert page.locator("[onerror]").count() == 0


def test_both_charts_are_drawn_and_a_point_names_its_image(passed: Reported, open_page: Open) -> None:
    page = open_page(passed.path)
    assert page.locator("canvas").count() == 2
    for chart in page.locator(".chart canvas").all():
        colours = "canvas => new Set(new Uint32Array(canvas.getContext('2d').getImageData(0, 0, canvas.width, "
        assert chart.evaluate(f"{colours} canvas.height).data.buffer)).size") > 3
    area = page.locator(".scatter .u-over")
    width, height = (int(area.evaluate(f"area => area.{side}")) for side in ("clientWidth", "clientHeight"))
    data = FilledPage.read(passed.path).data
    last = len(data["images"]["names"]) - 1
    area.hover(position={"x": width - 1, "y": height / 2})
    assert page.locator(".pointed").inner_text() == (
        f"{data['images']['names'][last]}: model file {data['providers'][0]['errors'][last]:.2e}, "
        f"float32 PyTorch {data['providers'][0]['torchErrors'][last]:.2e}"
    )


def test_a_file_that_fails_shows_the_node_and_each_flip(failed: Reported, open_page: Open) -> None:
    page, report = open_page(failed.path), failed.report
    verdict = page.locator(".verdict").inner_text()
    assert verdict.startswith("FAILED")
    assert f"{report['error_onnx']:.2e}, where {report['limit']:.2e} is allowed" in verdict
    assert f"{report['flips']} decision" in verdict
    divergence = page.locator(".divergence").inner_text()
    node = report["divergence"]
    for part in (node["node"], node["operator"], node["pytorch"], f"{node['error_after']:.2e}"):
        assert part in divergence
    assert node["cause"].lower() in divergence.lower()
    flips = page.locator(".flips .image-card")
    assert flips.count() == report["flips"]
    for card in flips.all():
        assert card.locator(".decisions").inner_text().split() == ["decision", "anomaly", "≠", "normal"]
    assert page.locator("pre").last.inner_text().splitlines()[-1].startswith("  FAILED: ")


def test_the_language_is_chosen_and_changed(failed: Reported, open_page: Open) -> None:
    page = open_page(failed.path)
    page.get_by_role("button", name="한국어").click()
    assert page.evaluate("document.documentElement.lang") == "ko"
    verdict = page.locator(".verdict").inner_text()
    assert verdict.startswith("불합격")
    assert f"{failed.report['error_onnx']:.2e}(허용 {failed.report['limit']:.2e})" in verdict
    assert "PyTorch와 다르게 계산하는 첫 노드" in page.locator(".divergence").inner_text()
    page.get_by_role("button", name="English").click()
    assert page.locator(".verdict").inner_text().startswith("FAILED")
    korean = open_page(failed.path, language="ko")
    assert korean.title().startswith("불합격")


@pytest.mark.parametrize("language", ["en", "ko"])
def test_nothing_is_wider_than_a_phone(failed: Reported, passed: Reported, open_page: Open, language: str) -> None:
    for reported in (failed, passed):
        page = open_page(reported.path, language=language, window=PHONE)
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE[0]


def test_what_is_not_a_number_is_said_to_be_none(passed: Reported, open_page: Open, tmp_path: Path) -> None:
    """As where a driver gives NaN, and no node is to blame; on two providers, one of which passes."""
    data = FilledPage.read(passed.path).data
    right = data["providers"][0]
    report = {**right["report"], "error_onnx": None, "passed": False, "failures": ["a logit is NaN", "no node"]}
    wrong = {**right, "report": {**report, "provider": "cuda"}, "device": "cuda, device 0"}
    wrong["errors"] = wrong["logits"] = wrong["probabilities"] = [None] * 6
    wrong["histogram"] = {
        **{"edges": [], "onnx": [], "torch": []},
        **{"zero": {"onnx": 0, "torch": 6}, "notFinite": {"onnx": 6, "torch": 0}},
    }
    data = {**data, "passed": False, "providers": [right, wrong]}
    data["images"]["pictures"] = {}
    path = tmp_path / "page.html"
    path.write_text(filled_page("crbl_export.parity.report_page", "parity.html", data), encoding="utf-8")
    page = open_page(path)
    of_cpu, of_cuda = page.locator(".verdict p").all_inner_texts()[1:]
    assert of_cpu.startswith("PASSED. On 6 images, run on cpu,")
    assert of_cuda.startswith("FAILED. On 6 images, run on cuda, device 0, the largest logit error is NaN, where")
    section = page.locator(".provider").last.inner_text()
    assert "No single node is to blame" in section
    assert "a logit is NaN" in section
    assert "logits that are NaN or infinite (model file 6, float32 PyTorch 0)" in section
    assert page.locator("canvas").count() == 2
