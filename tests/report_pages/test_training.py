"""The training report in a real browser: what it shows, that it asks nobody for anything, and when it loads again."""

import base64
import json
import shutil
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crbl_runtime.report.page import filled_page
from filled_page import FilledPage
from public_commands import Trained

METRICS = ("auroc", "average_precision", "accuracy", "precision", "recall", "f1")
HOSTILE = "<img src=x onerror='window.hacked=1'></script><script>window.hacked=2</script>.png"
RELOAD_MS = 5000


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a file, `open_page(path, language="ko")`, with a clock that the test moves.

    In the end no page has asked for anything, and the browser has complained of nothing.
    """
    wrong: list[str] = []
    pages = []

    def open_file(path: Path, *, language: str = "en") -> Any:
        page = browser.new_page(locale=language)
        page.on("console", lambda message: wrong.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: wrong.append(f"raised: {error}"))
        page.on("request", lambda request: _require_own(request, wrong))
        page.clock.install()
        page.goto(path.as_uri())
        pages.append(page)
        return page

    yield open_file
    for page in pages:
        page.close()
    assert wrong == []


def _require_own(request: Any, wrong: list[str]) -> None:
    if not request.is_navigation_request() and not request.url.startswith("data:"):
        wrong.append(f"asked for {request.url[:200]}")


def changed(report: Path, path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The same page with other data, as Python fills it in."""
    filled = FilledPage.read(report)
    data = deepcopy(filled.data)
    change(data)
    path.write_text(filled_page("crbl_training.report", "training.html", data, filled.pictures), encoding="utf-8")
    return path


def copied(trained: Trained, folder: Path) -> Path:
    """The report of a run in the page as it is now, beside its metrics.json: models that are kept may be older."""
    shutil.copy(trained.checkpoint.with_name("metrics.json"), folder)
    return changed(trained.checkpoint.with_name("report.html"), folder / "report.html", lambda data: None)


@pytest.fixture(scope="module")
def crop_report(crop: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a run of two epochs, whose threshold calls many images anomalous."""
    return copied(crop, tmp_path_factory.mktemp("crop"))


@pytest.fixture(scope="module")
def full_report(full: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a solved head and two epochs after it."""
    return copied(full, tmp_path_factory.mktemp("full"))


def values(page: Any, selector: str) -> list[float]:
    """The exact numbers behind those that are shown."""
    return [float(value) for value in page.locator(f"{selector} data").evaluate_all("all => all.map(one => one.value)")]


@pytest.mark.parametrize("variant", ["crop", "full"])
def test_the_numbers_are_those_of_metrics_json(variant, crop_report, full_report, open_page):
    report = {"crop": crop_report, "full": full_report}[variant]
    metrics = json.loads(report.with_name("metrics.json").read_text())
    validation, page = metrics["validation"], open_page(report)
    assert metrics["report"] == {"file": "report.html", "problem": None}
    assert page.locator("h1").inner_text() == f"CRBL {variant} · Training report"
    for name in METRICS:
        row = f"[data-metric={name}]"
        assert values(page, row) == [validation[name], *validation["intervals"][name]]
        assert f"{validation[name]:.4f}" in page.locator(row).inner_text()
    cells = [int(cell) for cell in page.locator(".confusion tbody td").all_inner_texts()]
    assert cells == [validation[name] for name in ("true_normal", "false_alarm", "missed_anomaly", "true_anomaly")]
    for row, expected in zip(
        page.locator(".consequences tbody tr").all(), metrics["consequences"]["thresholds"], strict=True
    ):
        shown = [float(one) for one in row.locator("data").evaluate_all("all => all.map(one => one.value)")]
        assert shown == [expected[name] for name in ("threshold", "missed_anomalies", "false_alarms")]
    for name in ("brier", "log_loss", "calibration_error"):
        assert values(page, f"[data-measure={name}]") == [metrics["reliability"]["raw"][name]]
    training = page.locator("[data-set=training] td").all_inner_texts()
    assert [*map(int, training[:3])] == [32, 32, metrics["train_images"]]
    text = page.locator("#provenance").inner_text()
    for fact in ("checkpoint_hash", "train_data_hash", "weights", "device"):
        assert metrics[fact] in text
    assert f"crbl-export --variant {variant} --checkpoint" in text
    assert "crbl-train --variant" in text


def test_curves_are_drawn_and_every_epoch_is_in_the_table(full_report, open_page):
    page = open_page(full_report)
    epochs = FilledPage.read(full_report).data["epochs"]
    assert [epoch["number"] for epoch in epochs] == [0, 1, 2]
    assert page.locator("#curves canvas").count() == 3
    assert values(page, ".epochs tr:nth-child(3)")[:3] == [
        epochs[2]["train_loss"], epochs[2]["validation"]["loss"], epochs[2]["validation"]["auroc"],
    ]  # fmt: skip
    drawn = "canvas => new Set(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data).size"
    for canvas in page.locator("canvas").all():
        assert canvas.evaluate(drawn) > 10
    assert page.locator(".strengths tbody tr").count() == 11
    assert page.locator("#data .pair").count() == 12


def test_the_heatmaps_of_mistakes_add_up_to_the_logit_and_can_be_hidden(crop_report, open_page):
    page = open_page(crop_report)
    metrics = json.loads(crop_report.with_name("metrics.json").read_text())
    mistakes, result = metrics["worst_mistakes"], FilledPage.read(crop_report).data["result"]
    expected = [*mistakes["missed_anomalies"], *mistakes["false_alarms"]]
    of_report = [*result["mistakes"]["missed_anomalies"], *result["mistakes"]["false_alarms"]]
    figures = page.locator(".mistake")
    assert figures.count() == len(expected) > 0
    for figure, mistake, shown in zip(figures.all(), expected, of_report, strict=True):
        probability, total = (float(one) for one in figure.locator("data").evaluate_all("all => all.map(x => x.value)"))
        assert (
            probability == mistake["probability"] == pytest.approx(1 / (1 + 2.718281828 ** -shown["logit"]), abs=1e-4)
        )
        assert total == pytest.approx(shown["logit"] - result["mistakes"]["bias"], abs=1e-5)
        assert Path(mistake["path"]).name in figure.inner_text()
        assert figure.locator("img").evaluate("image => image.naturalWidth") == 128
        cells = np.frombuffer(base64.b64decode(shown["cells"]), "<f4")
        drawn = figure.locator("rect").evaluate_all(
            "all => all.map(one => ['x', 'y', 'fill'].map(name => one.getAttribute(name)))"
        )
        assert [(int(x), int(y)) for x, y, _ in drawn] == [(n % 4, n // 4) for n in range(16)]
        red = [fill.startswith("rgb(214 24 32 /") for _, _, fill in drawn]
        assert red == (cells > 0).tolist()
    page.get_by_role("button", name="Show heatmap").click()
    assert page.locator(".mistake svg").count() == 0


def test_words_are_in_the_language_that_is_chosen(full_report, open_page):
    page = open_page(full_report, language="ko")
    assert page.locator("h1").inner_text() == "CRBL full · 학습 보고서"
    assert page.evaluate("document.documentElement.lang") == "ko"
    page.get_by_role("button", name="English").click()
    assert page.locator("h1").inner_text() == "CRBL full · Training report"
    page.reload()
    assert page.locator("#data h2").inner_text() == "Data"


def test_names_are_text_wherever_they_stand(crop_report, open_page, tmp_path):
    def hostile(data: dict[str, Any]) -> None:
        mistakes, overview = data["result"]["mistakes"], data["data"]
        mistakes["false_alarms"][0] |= {"name": HOSTILE, "path": HOSTILE}
        overview["examples"]["normal"][0] |= {"name": HOSTILE, "path": HOSTILE, "kind": HOSTILE}
        overview["training"] |= {"skipped": [HOSTILE], "skipped_in_all": 1, "kinds": [{"kind": HOSTILE, "images": 1}]}
        pair = {"validation": HOSTILE, "training": HOSTILE, "distance": None, "same_label": False}
        overview["duplicates"] = {
            "identical": 1, "near_identical": 0, "pairs": [pair | {"validation_picture": 0, "training_picture": 0}],
        }  # fmt: skip
        overview["readings"] = [HOSTILE]
        data |= {"command": HOSTILE, "folder": HOSTILE, "rejected_devices": [HOSTILE]}
        data |= {"status": "stopped", "reason": HOSTILE}
        data["result"]["validation"]["precision"] = None
        data["result"]["validation"]["intervals"]["precision"] = [None, None]

    page = open_page(changed(crop_report, tmp_path / "report.html", hostile))
    assert page.evaluate("window.hacked") is None
    assert page.locator("body").inner_text().count(HOSTILE) >= 9
    assert page.locator("[data-metric=precision] td").all_inner_texts() == ["–", "– – –"]
    assert page.locator(".reason").first.inner_text() == HOSTILE


def running(data: dict[str, Any]) -> None:
    data |= {"status": "running", "result": None, "epochs": data["epochs"][:1]}


def test_a_page_of_a_run_that_goes_on_loads_again_where_the_reader_was(crop_report, open_page, tmp_path):
    path = changed(crop_report, tmp_path / "report.html", running)
    page = open_page(path)
    assert "Epoch 1 of 2 is done" in page.locator(".status").inner_text()
    assert page.title().startswith("1/2 · CRBL crop")
    assert page.locator("nav a").all_inner_texts() == ["Curves", "Data", "Provenance"]
    page.locator("canvas").nth(2).wait_for()  # Until then what is below the charts moves.
    page.get_by_text("All epochs as a table").click()
    page.evaluate("window.marked = true; scrollTo(0, 700)")
    changed(crop_report, path, lambda data: running(data) or data.update(epochs_before=1))
    with page.expect_event("load"):
        page.clock.fast_forward(RELOAD_MS)
    page.evaluate("new Promise(done => (function look() { scrollY === 700 ? done() : requestAnimationFrame(look) })())")
    assert page.evaluate("window.marked") is None
    assert page.locator(".epochs").is_visible()
    assert "Continued after epoch 1" in page.locator(".status").inner_text()

    page.get_by_role("button", name="Pause").click()
    page.evaluate("window.marked = true")
    page.clock.fast_forward(10 * RELOAD_MS)
    assert page.evaluate("window.marked")
    shutil.copy(crop_report, path)
    with page.expect_event("load"):
        page.get_by_role("button", name="Load again").click()
    assert page.locator(".status strong").inner_text() == "Finished"


def test_a_page_of_a_run_that_has_ended_is_left_alone(crop_report, open_page, tmp_path):
    stopped = changed(
        crop_report, tmp_path / "report.html", lambda data: running(data) or data.update(status="stopped")
    )
    for path in (crop_report, stopped):
        page = open_page(path)
        page.evaluate("window.marked = true")
        page.clock.fast_forward(100 * RELOAD_MS)
        assert page.evaluate("window.marked")
        assert page.get_by_role("button", name="Load again").count() == 0


def test_a_run_that_says_nothing_for_long_may_have_been_killed(crop_report, open_page, tmp_path):
    page = open_page(changed(crop_report, tmp_path / "report.html", running))
    page.get_by_role("button", name="Pause").click()
    page.clock.fast_forward("20:00:00")
    text = page.locator(".status").inner_text()
    assert "The run may have been stopped or killed." in text
    assert "crbl-train" in text
    assert text.rstrip().endswith("--resume")


def test_a_calibrated_model_shows_raw_and_calibrated_probabilities(crop_report, open_page, tmp_path):
    def calibrated(data: dict[str, Any]) -> None:
        reliability = data["result"]["reliability"]
        reliability |= {"calibrated": reliability["raw"] | {"brier": 0.0625}, "held_out": True}
        data["result"]["calibration"] = {
            "method": "platt", "slope": 1.5, "intercept": -2.0, "images": 40, "anomalies": 12,
        }  # fmt: skip

    page = open_page(changed(crop_report, tmp_path / "report.html", calibrated))
    assert page.locator("#probabilities canvas").count() == 2
    assert values(page, "[data-measure=brier]")[1] == 0.0625
    assert "Calibrated by platt: slope 1.5, intercept -2" in page.locator("#probabilities").inner_text()


def test_folds_are_side_by_side_with_links_to_their_reports(crop_report, open_page, tmp_path):
    metrics = [dict.fromkeys(METRICS, 0.5), dict.fromkeys(METRICS, 0.75)]

    def folds(data: dict[str, Any]) -> None:
        reports = [f"fold_{number}/report.html" for number in (1, 2, 3)]
        kept = {key: data[key] for key in ("version", "variant", "folder", "command", "working_folder", "started")}
        kept |= {"written": data["written"], "schema": 1, "kind": "folds", "status": "running", "reason": None}
        data.clear()
        data |= kept | {"reports": reports, "metrics": metrics, "summary": None}

    page = open_page(changed(crop_report, tmp_path / "report.html", folds))
    assert "Fold 3 of 3 is being trained" in page.locator(".status").inner_text()
    assert values(page, ".folds tr:nth-child(2)") == [0.75] * 6
    links = page.locator(".folds a").evaluate_all("all => all.map(one => one.getAttribute('href'))")
    assert links == [f"fold_{number}/report.html" for number in (1, 2, 3)]
    (tmp_path / "fold_1").mkdir()
    shutil.copy(crop_report, tmp_path / "fold_1")
    page.locator(".folds a").first.click()
    page.wait_for_url("**/fold_1/report.html")
    assert page.locator(".status strong").inner_text() == "Finished"


@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_is_wider_than_its_window(width, crop_report, open_page):
    page = open_page(crop_report)
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.locator("main").bounding_box()["width"] <= width
