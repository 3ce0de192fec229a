"""Which images crbl-predict takes: folders, patterns, lists on standard input, and what it leaves out."""

import io
import json
import os
import shutil
import sys
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from public_commands import run_command


def predict(*arguments: object, cwd: Path | None = None) -> CompletedProcess[str]:
    return run_command("crbl-predict", *arguments, "--provider", "cpu", cwd=cwd)


def predicted(*arguments: object, cwd: Path | None = None) -> list[str]:
    """The paths of the results, in order."""
    result = predict(*arguments, "--jsonl", cwd=cwd)
    assert result.returncode == 0, result.stderr
    return [Path(json.loads(line)["path"]).as_posix() for line in result.stdout.splitlines()]


@pytest.fixture
def standard_input(monkeypatch: pytest.MonkeyPatch) -> io.BytesIO:
    """What a command reads; write to it, and it is read from the start."""

    class Written(io.BytesIO):
        def write(self, content: object) -> int:
            number = super().write(content)  # type: ignore[arg-type]
            self.seek(0)
            return number

    stream = Written()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stream))
    return stream


def test_folders_are_searched_and_with_no_recursive_only_themselves(small: Path, images: Path) -> None:
    everything = ["images/a.png", "images/b.png", "images/부품/c.png", "images/부품/깊이/d.png"]
    assert predicted(small, "images", cwd=images.parent) == everything
    assert predicted(small, "images", "--recursive", cwd=images.parent) == everything
    assert predicted(small, "images", "--no-recursive", cwd=images.parent) == everything[:2]
    shutil.move(images / "부품", images.parent / "parts" / "in")
    refused = predict(small, "parts", "--no-recursive", cwd=images.parent)
    assert refused.returncode == 4
    assert "parts holds no images" in refused.stderr
    assert "Folders in it were not searched" in refused.stderr


def test_quoted_patterns_are_expanded_on_every_system(small: Path, images: Path) -> None:
    assert predicted(small, "images/*.png", cwd=images.parent) == ["images/a.png", "images/b.png"]
    assert predicted(small, "images/**/[cd].png", cwd=images.parent) == ["images/부품/c.png", "images/부품/깊이/d.png"]
    assert len(predicted(small, "images/**", cwd=images.parent)) == 4
    shutil.copy(images / "a.png", images / "a[1].png")
    assert predicted(small, "images/a[1].png", cwd=images.parent) == ["images/a[1].png"]
    missed = predict(small, "images/*.bmp", cwd=images.parent)
    assert missed.returncode == 4
    assert "There is no" in missed.stderr
    assert "*.bmp" in missed.stderr


def test_a_pattern_may_name_the_models(small: Path, images: Path) -> None:
    shutil.copy(small, images.parent / "one.onnx")
    assert len(predicted("*.onnx", "images", cwd=images.parent)) == 4


@pytest.mark.parametrize(
    ("before", "separator", "encoding"),
    [(b"", "\n", "utf-8"), (b"\xef\xbb\xbf", "\r\n", "utf-8"), (b"", "\0", "utf-8"), (b"", "\r\n", "utf-16")],
    ids=["lines", "windows with a mark", "print0", "utf-16"],
)
def test_a_list_on_standard_input(
    before: bytes, separator: str, encoding: str, small: Path, images: Path, standard_input: io.BytesIO
) -> None:
    standard_input.write(before + f"images/b.png{separator}images/부품/c.png{separator}".encode(encoding))
    assert predicted(small, "-", cwd=images.parent) == ["images/b.png", "images/부품/c.png"]


def test_a_list_goes_with_other_paths_and_keeps_its_place(
    small: Path, images: Path, standard_input: io.BytesIO
) -> None:
    standard_input.write("images/부품\n".encode())
    found = predicted(small, "images/b.png", "-", "images/a.png", cwd=images.parent)
    assert found == ["images/b.png", "images/부품/c.png", "images/부품/깊이/d.png", "images/a.png"]


def test_what_find_writes_is_predicted_once(small: Path, images: Path, standard_input: io.BytesIO) -> None:
    """It names the folders, and what is in them."""
    standard_input.write("images\nimages/a.png\nimages/부품\nimages/부품/c.png\n".encode())
    told = predict(small, "-", cwd=images.parent)
    assert "4 images predicted" in told.stdout
    assert "The list names images again, 4 times: each was predicted once" in told.stdout


def test_what_a_list_misses_is_a_result_and_a_pattern_in_it_is_a_name(
    small: Path, images: Path, standard_input: io.BytesIO
) -> None:
    standard_input.write(b"images/a.png\nimages/missing.png\nimages/?.png\n" + b"long" * 200)
    told = predict(small, "-", "--json", cwd=images.parent)
    assert told.returncode == 4
    assert ["error" in result for result in json.loads(told.stdout)] == [False, True, True, True]


@pytest.mark.parametrize(
    ("content", "arguments", "code", "said"),
    [
        (b"", ["-"], 4, "The list of images on standard input is empty"),
        (b"\r\n\r\n", ["-"], 4, "The list of images on standard input is empty"),
        (b"missing.png\nanother.png\n", ["-"], 4, "There is no missing.png, another.png"),
        (b"a.png\n", ["-", "-"], 2, "Standard input (-) was named twice"),
        (b"\xff\xfea", ["-"], 2, "begins as UTF-16 and is none"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused(
    content: bytes, arguments: list[str], code: int, said: str, small: Path, standard_input: io.BytesIO
) -> None:
    standard_input.write(content)
    refused = predict(small, *arguments)
    assert (refused.returncode, refused.stdout) == (code, "")
    assert said in refused.stderr


def test_standard_input_that_is_closed(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    refused = predict(small, "-")
    assert refused.returncode == 2
    assert "Standard input is closed" in refused.stderr


@pytest.mark.skipif(os.name == "nt", reason="- is a name like any other, but written ./-")
def test_a_file_that_is_called_like_standard_input(small: Path, images: Path) -> None:
    shutil.copy(images / "a.png", images / "-")
    assert predicted(small, "./-", cwd=images) == ["-"]


def test_folders_of_results_within_the_images_are_not_searched_again(small: Path, images: Path) -> None:
    arguments = (small, "images", "--heatmaps", "images/overlays", "--copy-anomalies", images / "bad", "--threshold", 0)
    first, second = (predicted(*arguments, cwd=images.parent) for _ in range(2))
    assert first == second
    assert len(first) == 4
    assert "Left out" not in predict(*arguments, cwd=images.parent).stdout
    assert len(list((images / "bad").rglob("*.png"))) == 4
    assert len(predicted(small, "images", cwd=images.parent)) == 12


def test_an_image_within_a_folder_for_results_is_left_out_and_that_is_said(small: Path, images: Path) -> None:
    before = (images / "부품" / "c.png").read_bytes()
    told = predict(small, "images/부품/c.png", "images/a.png", "--copy-anomalies", "images/부품", cwd=images.parent)
    assert "1 image predicted" in told.stdout
    assert "Left out of the folders for results: 1 image" in told.stdout
    assert (images / "부품" / "c.png").read_bytes() == before
    refused = predict(small, "images", "--copy-anomalies", ".", "--threshold", 0, cwd=images.parent)
    assert refused.returncode == 4
    assert "There are no images outside of ., where results are written" in refused.stderr


@pytest.mark.parametrize("name", ["gpu", "GPU", "windowsml:", ""])
def test_an_unknown_provider_is_named_with_those_that_are_known(name: str, small: Path, images: Path) -> None:
    refused = run_command("crbl-predict", small, images, "--provider", name)
    assert refused.returncode == 2
    assert "expected auto, fastest, directml, cuda, openvino, cpu, or windowsml:NAME" in refused.stderr


def test_an_adapter_and_a_registered_provider_that_are_not_there(small: Path, images: Path) -> None:
    for option, name, said in (
        ("--adapter", "No such card", "No such card"),
        ("--provider", "windowsml:NoSuchExecutionProvider", "provider"),
    ):
        refused = run_command("crbl-predict", small, images, option, name)
        assert (refused.returncode, refused.stdout) == (3, "")
        assert said in refused.stderr


def test_workers_do_not_change_results(small: Path, images: Path) -> None:
    one, four = (predict(small, images, "--json", "--workers", workers).stdout for workers in (1, 4))
    logits = [[result["models"][0]["logit"] for result in json.loads(each)] for each in (one, four)]
    assert logits[0] == pytest.approx(logits[1], abs=1e-5)
