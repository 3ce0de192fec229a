"""What crbl-predict writes: tables, JSON, overlays of heatmaps, copies of anomalies, and what it prints of them."""

import csv
import io
import json
import os
import shutil
import signal
import sys
from pathlib import Path
from subprocess import CompletedProcess
from weakref import WeakSet

import numpy as np
import onnx
import pytest
from PIL import Image

from crbl_runtime.calibration import Calibration
from crbl_runtime.commands import predict as command
from crbl_runtime.commands.image_result import ImageResult
from crbl_runtime.commands.result_counts import NAMED_FAILURES, ResultCounts
from crbl_runtime.errors import ImageError, NotFiniteError
from public_commands import Trained, run_command
from rewritten_model import rewritten


def predict(*arguments: object, cwd: Path | None = None) -> CompletedProcess[str]:
    return run_command("crbl-predict", *arguments, "--provider", "cpu", cwd=cwd)


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def without_heatmap(small: Path, tmp_path: Path) -> Path:
    def drop(graph: onnx.GraphProto) -> None:
        (heatmap,) = (output for output in graph.output if output.name == "heatmap")
        graph.output.remove(heatmap)

    path = tmp_path / "plain.onnx"
    path.write_bytes(rewritten(small.read_bytes(), drop))
    return path


def test_jsonl_has_the_objects_of_json_on_a_line_each(small: Path, images: Path) -> None:
    (images / "cut.png").write_bytes((images / "a.png").read_bytes()[:200])
    array, lines = (predict(small, images, form) for form in ("--json", "--jsonl"))
    assert array.returncode == lines.returncode == 4
    results = json.loads(array.stdout)
    assert array.stdout == json.dumps(results, indent=2) + "\n"
    assert [json.loads(line) for line in lines.stdout.splitlines()] == results
    assert len(results) == 5
    assert lines.stderr.startswith("1 image could not be predicted:\n  ")
    refused = predict(small, images, "--json", "--jsonl")
    assert refused.returncode == 2
    assert "Give one of them" in refused.stderr


def test_a_threshold_is_used_and_said(small: Path, images: Path) -> None:
    for threshold, anomalous in ((0, 4), (1, 0), (0.0, 4)):
        told = predict(small, images, "--threshold", threshold)
        assert f"4 images predicted, {anomalous} anomalous" in told.stdout
        assert f"Thresholds given, in place of the model files': {threshold:g} for full\n" in told.stdout
    results = json.loads(predict(small, images, "--threshold", "full=0.25", "--json").stdout)
    assert {(each["models"][0]["threshold"], each["models"][0]["threshold_given"]) for each in results} == {
        (0.25, True)
    }
    own = predict(small, images, "--json")
    assert {
        (each["models"][0]["threshold"], each["models"][0]["threshold_given"]) for each in json.loads(own.stdout)
    } == {(0.5, False)}
    assert "Thresholds" not in predict(small, images).stdout
    refused = predict(small, images, "--threshold", "crop=0.25")
    assert refused.returncode == 2


def test_two_models_have_a_threshold_each(crop: Trained, full: Trained, photographs: Path, tmp_path: Path) -> None:
    table = tmp_path / "results.csv"
    told = predict(
        *(full.model, crop.model, photographs / "coffee_0.png", "--csv", table),
        *("--threshold", "crop=1", "--threshold", "full=0.25"),
    )
    assert told.returncode == 0, told.stderr
    assert "0.25 for full, 1 for crop" in told.stdout
    with table.open(newline="", encoding="utf-8-sig") as file:
        (row,) = csv.DictReader(file)
    assert (row["threshold_full"], row["threshold_crop"]) == ("0.25", "1")
    assert row["is_anomaly"] == str(int(float(row["probability_full"]) > 0.25))
    refused = predict(full.model, crop.model, photographs, "--threshold", 0.3)
    assert refused.returncode == 2
    assert "Say which one it is for" in refused.stderr


def test_the_table_shows_hangul_in_spreadsheets_and_has_a_line_for_each_image(small: Path, images: Path) -> None:
    (images / "cut.png").write_bytes((images / "a.png").read_bytes()[:200])
    table = images.parent / "결과.csv"
    table.write_text("of an earlier run")
    assert predict(small, images, "--csv", table, "--jsonl").returncode == 4
    assert table.read_bytes().startswith(
        b"\xef\xbb\xbfpath,is_anomaly,probability_full,logit_full,threshold_full,calibrated_probability_full,error"
    )
    assert "부품" in table.read_text(encoding="utf-8-sig")
    with table.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert [bool(row["error"]) for row in rows] == [False, False, True, False, False]
    assert rows[2]["is_anomaly"] == rows[2]["probability_full"] == rows[2]["threshold_full"] == ""
    assert files(images.parent) == sorted(["결과.csv", *(f"images/{name}" for name in files(images))])


def test_calibrated_probabilities_are_in_every_output_and_no_decision_changes(
    small: Path, images: Path, tmp_path: Path
) -> None:
    # It makes probabilities over the threshold of all images.
    calibration = Calibration("platt", slope=0.5, intercept=9.0, images=40, anomalies=12, data_hash="")
    calibrated = tmp_path / "calibrated.onnx"
    calibrated.write_bytes(rewritten(small.read_bytes(), calibration=calibration))
    tables = tmp_path / "plain.csv", tmp_path / "calibrated.csv"
    plain = json.loads(predict(small, images, "--json", "--csv", tables[0]).stdout)
    told = json.loads(predict(calibrated, images, "--json", "--csv", tables[1]).stdout)
    for before, after in zip(plain, told, strict=True):
        (one,), (other,) = before["models"], after["models"]
        assert one["calibrated_probability"] is None
        assert other["calibrated_probability"] == calibration.probability(other["logit"])
        assert other["calibrated_probability"] > other["threshold"] > other["probability"]
        assert before | {"models": None} == after | {"models": None}
        assert one | {"calibrated_probability": 0} == other | {"calibrated_probability": 0}
    rows = [list(csv.DictReader(path.open(newline="", encoding="utf-8-sig"))) for path in tables]
    for before, after, result in zip(*rows, told, strict=True):
        shown = f"{result['models'][0]['calibrated_probability']:.8f}"
        assert (before["calibrated_probability_full"], after["calibrated_probability_full"]) == ("", shown)
    assert f" calibrated {told[0]['models'][0]['calibrated_probability']:.4f}" in predict(calibrated, images).stdout
    assert " calibrated " not in predict(small, images).stdout


def test_images_that_fail_are_listed_at_the_end(small: Path, images: Path) -> None:
    (images / "cut.png").write_bytes((images / "a.png").read_bytes()[:200])
    (images / "부품" / "empty.png").write_bytes(b"")
    told = predict(small, images)
    assert told.returncode == 4
    assert "4 images predicted, 0 anomalous, 2 failed" in told.stdout
    first, cut, empty = told.stderr.splitlines()
    assert first == "2 images could not be predicted:"
    assert cut.startswith(f"  {images / 'cut.png'}: ")
    assert empty.startswith(f"  {images / '부품' / 'empty.png'}: ")
    assert predict(small, images, "--fail-on-anomaly", "--threshold", 0).returncode == 4


def test_the_list_of_failures_ends_somewhere_and_a_network_without_numbers_comes_first() -> None:
    counts = ResultCounts()
    for number in range(NAMED_FAILURES + 5):
        counts.add(ImageResult.failed(Path("a.png"), ImageError(f"a.png: {number}")))
    assert counts.exit_code == 4
    assert counts.failure_lines()[-2:] == [f"  a.png: {NAMED_FAILURES - 1}", "  … and 5 more, each said in its result"]
    counts.add(ImageResult.failed(Path("b.png"), NotFiniteError("small.onnx gave NaN")))
    counts.add(ImageResult.failed(Path("a.png"), ImageError("a.png: cut off")))
    assert counts.exit_code == 2
    assert (
        ImageResult.failed(Path("b.png"), NotFiniteError("small.onnx gave NaN")).error == "b.png: small.onnx gave NaN"
    )


def test_an_image_for_which_the_network_gives_nan_does_not_stop_the_others(small: Path, images: Path) -> None:
    def overflow(graph: onnx.GraphProto) -> None:
        """Bright images get an infinite logit, dark ones the one that they had."""
        (output,) = (node for node in graph.node if node.op_type == "ReduceSum")
        output.output[0] = "sum"
        mean = onnx.helper.make_node("ReduceMean", ["values", "all_axes"], ["mean"], keepdims=0)
        large = onnx.helper.make_node("Max", ["mean", "least"], ["large"])
        excess = onnx.helper.make_node("Sub", ["large", "least"], ["excess"])
        power = onnx.helper.make_node("Mul", ["excess", "huge"], ["power"])
        added = onnx.helper.make_node("Add", ["sum", "power"], ["logit"])
        place = list(graph.node).index(output) + 1
        for offset, node in enumerate((mean, large, excess, power, added)):
            graph.node.insert(place + offset, node)
        graph.initializer.append(onnx.numpy_helper.from_array(np.array([1, 2, 3], np.int64), "all_axes"))
        graph.initializer.append(onnx.numpy_helper.from_array(np.array([200], np.float32), "least"))
        graph.initializer.append(onnx.numpy_helper.from_array(np.array([np.finfo(np.float32).max], np.float32), "huge"))

    model = images.parent / "overflow.onnx"
    model.write_bytes(rewritten(small.read_bytes(), overflow))
    Image.new("RGB", (64, 64), "white").save(images / "b.png")
    told = predict(model, images)
    assert told.returncode == 2
    assert "3 images predicted, 0 anomalous, 1 failed" in told.stdout
    assert f"  {images / 'b.png'}: overflow.onnx gave NaN or an infinite logit on cpu." in told.stderr


def test_overlays_are_written_for_each_image_under_names_of_their_own(small: Path, images: Path) -> None:
    shutil.copy(images / "b.png", images / "부품" / "a.png")
    shutil.copy(images / "b.png", images / "a.tif")
    overlays = images.parent / "겹쳐 보기"
    told = predict(small, "images", "--heatmaps", overlays.name, cwd=images.parent)
    assert told.returncode == 0, told.stderr
    assert files(overlays) == sorted(f"{name}.full.png" for name in files(images))
    with Image.open(overlays / "부품" / "c.png.full.png") as overlay:
        assert overlay.width == 500
        overlay.load()


def test_of_two_models_each_that_has_one_draws_its_heatmap(
    small: Path, crop: Trained, without_heatmap: Path, images: Path, tmp_path: Path
) -> None:
    told = predict(small, crop.model, images / "a.png", "--heatmaps", tmp_path / "both")
    assert told.returncode == 0, told.stderr
    assert files(tmp_path / "both") == ["a.png.crop.png", "a.png.full.png"]
    told = predict(without_heatmap, crop.model, images / "a.png", "--heatmaps", tmp_path / "one")
    assert told.returncode == 0, told.stderr
    assert files(tmp_path / "one") == ["a.png.crop.png"]
    assert "No heatmaps of full: the model has none" in told.stderr


def test_a_model_without_heatmap_is_refused_before_the_first_image(without_heatmap: Path, images: Path) -> None:
    told = predict(without_heatmap, images, "--heatmaps", images.parent / "overlays")
    assert (told.returncode, told.stdout) == (2, "")
    assert "plain.onnx has none. Export the model again with crbl-export --heatmap" in told.stderr
    assert not (images.parent / "overlays").exists()


def test_anomalies_are_copied_with_their_folders_and_nothing_else_is_touched(small: Path, images: Path) -> None:
    results = json.loads(predict(small, images, "--json").stdout)
    probabilities = sorted(each["models"][0]["probability"] for each in results)
    threshold = probabilities[1]
    expected = [
        Path(each["path"]).relative_to(images).as_posix()
        for each in results
        if each["models"][0]["probability"] > threshold
    ]
    before = {name: (images / name).read_bytes() for name in files(images)}
    copies = images / "이상"
    told = predict(small, images, "--copy-anomalies", copies, "--threshold", threshold)
    assert told.returncode == 0, told.stderr
    assert files(copies) == sorted(expected)
    assert len(expected) == 2
    for name in expected:
        assert (copies / name).read_bytes() == before[name]
        assert (copies / name).stat().st_mtime == pytest.approx((images / name).stat().st_mtime, abs=2)
    shutil.rmtree(copies)
    assert {name: (images / name).read_bytes() for name in files(images)} == before


def test_equal_names_in_several_folders_stay_apart(small: Path, images: Path) -> None:
    shutil.copytree(images, images.parent / "more")
    (images.parent / "more" / "a.png").write_bytes((images / "b.png").read_bytes())
    copies = images.parent / "copies"
    predict(small, "images", "more/a.png", "--copy-anomalies", copies, "--threshold", 0, cwd=images.parent)
    assert files(copies) == sorted(["more/a.png", *(f"images/{name}" for name in files(images))])
    assert (copies / "more" / "a.png").read_bytes() == (images / "b.png").read_bytes()


@pytest.mark.skipif(os.name == "nt", reason="names are counted in other units there, and paths are short")
def test_a_name_as_long_as_the_system_allows(small: Path, images: Path) -> None:
    long = f"{'낱알' * 41}12345.png"
    assert len(os.fsencode(long)) == 255
    shutil.copy(images / "a.png", images / long)
    arguments = ("--heatmaps", images.parent / "overlays", "--copy-anomalies", images.parent / "copies")
    told = predict(small, images / long, *arguments, "--threshold", 0)
    assert told.returncode == 0, told.stderr
    assert len(files(images.parent / "overlays")) == len(files(images.parent / "copies")) == 1


@pytest.mark.skipif(os.name == "nt", reason="permissions are others there")
def test_an_image_that_may_only_be_read_is_copied(small: Path, images: Path) -> None:
    (images / "a.png").chmod(0o400)
    copies = images.parent / "copies"
    for _ in range(2):
        told = predict(small, images / "a.png", "--copy-anomalies", copies, "--threshold", 0)
        assert told.returncode == 0, told.stderr
    assert files(copies) == ["a.png"]


@pytest.mark.parametrize("option", ["--heatmaps", "--copy-anomalies"])
def test_a_folder_that_cannot_be_written_is_refused_before_the_work(option: str, small: Path, images: Path) -> None:
    told = predict(small, images, option, small)
    assert (told.returncode, told.stdout) == (3, "")
    assert "is a file and no folder" in told.stderr


def test_an_image_that_is_gone_when_it_is_to_be_copied_fails_by_itself(
    small: Path, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = command.ResultFiles.write

    def lose(self: command.ResultFiles, result: ImageResult) -> None:
        if result.path.name == "b.png":
            result.path.unlink()
        whole(self, result)

    monkeypatch.setattr(command.ResultFiles, "write", lose)
    told = predict(small, images, "--copy-anomalies", images.parent / "copies", "--threshold", 0)
    assert told.returncode == 4
    assert "3 images predicted, 3 anomalous, 1 failed" in told.stdout
    assert "b.png: cannot be copied" in told.stderr
    assert len(files(images.parent / "copies")) == 3


@pytest.mark.parametrize("form", [[], ["--jsonl"]])
def test_a_result_is_flushed_before_the_next_one(
    form: list[str], small: Path, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that what reads a pipe has it, and a kill does not lose it."""
    pipe = io.BytesIO()
    lines: list[int] = []
    buffered = io.TextIOWrapper(io.BufferedWriter(pipe), encoding="utf-8")  # type: ignore[arg-type]

    def look(self: command.ResultFiles, result: ImageResult) -> None:
        sys.stdout = buffered
        lines.append(pipe.getvalue().count(b"\n"))

    monkeypatch.setattr(command.ResultFiles, "write", look)
    assert predict(small, images, *form).returncode == 0
    assert lines == [0, 1, 2, 3]


@pytest.mark.parametrize("form", ["--json", "--jsonl"])
def test_a_signal_while_a_result_is_written_waits_until_it_is_in_all_outputs(
    form: str, small: Path, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = command.ResultFiles.write

    def stop(self: command.ResultFiles, result: ImageResult) -> None:
        if result.path.name == "b.png":
            signal.raise_signal(signal.SIGTERM)
        whole(self, result)

    monkeypatch.setattr(command.ResultFiles, "write", stop)
    table, copies = images.parent / "results.csv", images.parent / "copies"
    told = predict(small, images, form, "--csv", table, "--copy-anomalies", copies, "--threshold", 0)
    assert told.returncode == 143
    assert told.stderr.strip() == f"Stopped after 2 of 4 images; they are in {table}."
    results = json.loads(told.stdout) if form == "--json" else list(map(json.loads, told.stdout.splitlines()))
    assert [Path(each["path"]).name for each in results] == files(copies) == ["a.png", "b.png"]
    assert len(table.read_text(encoding="utf-8").splitlines()) == 3


@pytest.mark.parametrize("form", [[], ["--json"], ["--jsonl"]])
def test_results_are_forgotten_once_they_are_written(
    form: list[str], small: Path, photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that memory does not grow with the number of images."""
    alive: WeakSet[ImageResult] = WeakSet()
    most = 0
    whole = command.ResultFiles.write

    def count(self: command.ResultFiles, result: ImageResult) -> None:
        nonlocal most
        alive.add(result)
        most = max(most, len(alive))
        whole(self, result)

    monkeypatch.setattr(command.ResultFiles, "write", count)
    monkeypatch.setattr(ImageResult, "__hash__", object.__hash__)
    told = predict(small, *[photographs] * 5, *form, "--csv", tmp_path / "results.csv")
    assert told.returncode == 0, told.stderr
    assert len((tmp_path / "results.csv").read_text().splitlines()) == 201
    assert most <= 2
