"""crbl-predict as a user runs it."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from crbl_runtime import decode
from public_commands import Trained, run_command


@pytest.fixture
def folder(photographs: Path, tmp_path: Path) -> Path:
    """Eight of the photographs, one of each subject."""
    folder = tmp_path / "images"
    folder.mkdir()
    for path in photographs.glob("*_3.png"):
        shutil.copy(path, folder)
    return folder


def test_a_folder_gives_a_table_and_a_summary(crop: Trained, folder: Path) -> None:
    result = run_command("crbl-predict", crop.model, folder)
    assert result.returncode == 0, result.stderr
    assert "8 images predicted" in result.stdout
    assert "coffee_3.png" in result.stdout


def test_what_of_a_file_was_left_out_is_shown(crop: Trained, folder: Path) -> None:
    path = folder / "chelsea_3.png"
    Image.open(path).save(path, icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    assert "  (its ICC profile was ignored)\n" in run_command("crbl-predict", crop.model, path).stdout
    (result,) = json.loads(run_command("crbl-predict", crop.model, path, "--json").stdout)
    assert result["models"][0]["notes"] == ["its ICC profile was ignored"]


def test_what_of_a_folder_was_left_out_is_said(crop: Trained, folder: Path) -> None:
    (folder / "coffee_3.png").rename(folder / "coffee_3.JFIF")
    for name in (".thumbnails/coffee_3.png", "@eaDir/coffee_3.png", "._coffee_3.png", "notes.txt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"no image")
    line = (
        f"Left out of {folder}: 1 .txt, 1 hidden file (._coffee_3.png), "
        "2 hidden or system folders with 2 files (.thumbnails, @eaDir)\n"
    )
    result = run_command("crbl-predict", crop.model, folder)
    assert result.returncode == 0, result.stderr
    assert "8 images predicted" in result.stdout
    assert result.stdout.endswith(line)
    as_json = run_command("crbl-predict", crop.model, folder, "--json")
    assert [Path(result["path"]).name for result in json.loads(as_json.stdout)].count("coffee_3.JFIF") == 1
    assert as_json.stderr.endswith(line)


def test_a_file_that_is_named_is_taken_whatever_its_name_is(crop: Trained, folder: Path) -> None:
    hidden = (folder / "coffee_3.png").rename(folder / ".coffee")
    result = run_command("crbl-predict", crop.model, hidden)
    assert result.returncode == 0, result.stderr
    assert "1 image predicted" in result.stdout
    assert "Left out" not in result.stdout


def test_two_models_give_the_combined_decision(crop: Trained, full: Trained, grains: Path, tmp_path: Path) -> None:
    table = tmp_path / "results.csv"
    result = run_command("crbl-predict", full.model, crop.model, grains / "images" / "test", "--json", "--csv", table)
    assert result.returncode == 0, result.stderr
    results = json.loads(result.stdout)
    assert len(results) == 24
    for result in results:
        by_variant = {model["variant"]: model for model in result["models"]}
        expected = by_variant["crop"]["probability"] > 0.01 or by_variant["full"]["probability"] > 0.5
        assert result["is_anomaly"] == expected
    with table.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == [result["path"] for result in results]
    assert [row["is_anomaly"] for row in rows] == [str(int(result["is_anomaly"])) for result in results]
    assert float(rows[0]["logit_crop"]) == round(results[0]["models"][1]["logit"], 6)


def test_images_that_fail_are_named_and_the_others_predicted(crop: Trained, photographs: Path, tmp_path: Path) -> None:
    good = (photographs / "coffee_0.png").read_bytes()
    (tmp_path / "good.png").write_bytes(good)
    (tmp_path / "cut.png").write_bytes(good[: len(good) // 2])
    (tmp_path / "empty.png").write_bytes(b"")
    result = run_command("crbl-predict", crop.model, tmp_path, "--json")
    assert result.returncode == 4
    results = {Path(result["path"]).name: result for result in json.loads(result.stdout)}
    assert "error" in results["cut.png"]
    assert "error" in results["empty.png"]
    assert results["good.png"]["models"][0]["variant"] == "crop"


def test_fail_on_anomaly_is_exit_code_1(crop: Trained, folder: Path) -> None:
    failed = run_command("crbl-predict", crop.model, folder, "--json", "--fail-on-anomaly")
    assert any(result["is_anomaly"] for result in json.loads(failed.stdout))
    assert failed.returncode == 1


def test_what_cannot_be_asked_for_is_exit_code_2_or_3_or_4(
    crop: Trained, full: Trained, photographs: Path, tmp_path: Path
) -> None:
    (tmp_path / "text.onnx").write_bytes(b"no model")
    image = photographs / "coffee_0.png"
    (tmp_path / "nothing").mkdir()
    cases = [
        (2, "no images were named", [crop.model]),
        (2, "no such option", [crop.model, image, "--quick"]),
        (2, "expected one, or a crop and a full one", [image]),
        (2, "both models are of the variant crop", [crop.model, crop.model, image]),
        (2, "text.onnx", [tmp_path / "text.onnx", image]),
        (2, "there is no model file", [tmp_path / "missing.onnx", image]),
        (3, "cuda", [crop.model, image, "--provider", "cuda"]),
        (4, "holds no images", [crop.model, tmp_path / "nothing"]),
        (4, "missing.png", [crop.model, tmp_path / "missing.png"]),
        (4, "1 image predicted", [crop.model, tmp_path / "missing.png", image]),
    ]
    for code, message, arguments in cases:
        result = run_command("crbl-predict", *arguments)
        assert result.returncode == code, (arguments, result.stderr)
        assert message in (result.stderr + result.stdout).lower()
        assert "Traceback" not in result.stderr


def test_16_bit_images_of_unknown_depth_are_counted_and_read_by_the_given_one(
    crop: Trained, photographs: Path, tmp_path: Path
) -> None:
    for number in range(2):
        eight_bits = decode(photographs / f"coffee_{number}.png")[..., 0]
        Image.fromarray(eight_bits).save(tmp_path / f"{number}_8.png")
        Image.fromarray(np.rint(eight_bits / 255 * 4095).astype(np.uint16)).save(tmp_path / f"{number}_12.png")
    unclear = run_command("crbl-predict", crop.model, tmp_path, "--csv", tmp_path / "results.csv")
    assert "Warning: 2 images have 16 bits a sample and stay below 16384" in unclear.stdout
    lines = [line for line in unclear.stdout.splitlines() if "_12.png" in line]
    assert all("see --bit-depth" in line for line in lines)
    with (tmp_path / "results.csv").open(newline="", encoding="utf-8-sig") as file:
        assert ["--bit-depth" in row["notes"] for row in csv.DictReader(file)] == [True, False, True, False]
    told = run_command("crbl-predict", crop.model, tmp_path, "--bit-depth", 12)
    assert "--bit-depth" not in told.stdout
    results = json.loads(run_command("crbl-predict", crop.model, tmp_path, "--bit-depth", 12, "--json").stdout)
    logits = [result["models"][0]["logit"] for result in results]
    assert (logits[0], logits[2]) == (logits[1], logits[3])
    assert not any(result["models"][0]["bit_depth_unclear"] for result in results)
    assert run_command("crbl-predict", crop.model, tmp_path, "--bit-depth", 11).returncode == 2
