"""The card shows all that the file records, and lies beside it or nowhere."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import markdown
import onnx
import pytest
from jinja2 import UndefinedError

from crbl_export.model_card.beside_model import REPORT_START, card_path, replacing_with_card, report_path, require_free
from crbl_export.model_card.card import calibrated_expression, card_text, environment, model_card
from crbl_export.model_card.facts import ModelFacts, read_facts, read_model_file
from crbl_export.model_card.preprocessing_steps import preparation_steps, scaling_in_the_graph
from crbl_export.model_file import ModelFile
from crbl_export.parity.image_set import MADE_IMAGES, read_image_set
from crbl_export.trained_model import TrainedModel
from crbl_runtime.calibration import Calibration
from crbl_runtime.contract import HEATMAP_NAME, ModelContract
from crbl_runtime.errors import ModelFileError, OutputError, UsageError
from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_runtime.self_test import self_test_images
from public_commands import Trained, run_command
from small_checkpoint import small_checkpoint

CALIBRATION = Calibration("platt", slope=1.25e-05, intercept=-2.5, images=40, anomalies=12, data_hash="ab" * 32)
MEASURES = {"brier": 0.2, "log_loss": 0.6, "calibration_error": 0.25, "bins": []}
RELIABILITY = {"images": 40, "raw": MEASURES, "calibrated": MEASURES | {"brier": 0.125}, "held_out": True}


@pytest.fixture(scope="module")
def facts(crop: Trained) -> ModelFacts:
    return read_model_file(crop.model)


@pytest.fixture(scope="module")
def contract(facts: ModelFacts) -> ModelContract:
    return facts.contract


@pytest.fixture(scope="module")
def content(contract: ModelContract) -> bytes:
    """A model file of a few kilobytes, with the contract of a real one."""
    return small_file(contract)


def small_file(contract: ModelContract, heatmap: tuple[int, int] | None = None, producer: str = "") -> bytes:
    """A graph that computes nothing, and a contract."""
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["batch", *(heatmap or ())])
    name = HEATMAP_NAME if heatmap else "y"
    output = onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", *(heatmap or ())])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["x"], [name])], "g", [value], [output])
    model = onnx.helper.make_model(graph, producer_name=producer)
    return ModelFile(model, contract).to_bytes()


def card_of(facts: ModelFacts, contract: ModelContract) -> str:
    """The card of the same network with another contract."""
    return card_text(replace(facts, contract=contract))


def section(card: str, title: str) -> str:
    return card.split(f"\n## {title}\n")[1].split("\n## ")[0]


def rows(text: str) -> dict[str, str]:
    """Of all tables: the first cell and the rest of the line."""
    cells = [line.strip("| ").split(" | ", 1) for line in text.splitlines() if line.startswith("| ")]
    return {first: rest[0] if rest else "" for first, *rest in cells}


def test_the_card_beside_the_file_is_the_one_that_the_file_gives(crop: Trained) -> None:
    card = crop.model.with_suffix(".md").read_bytes().decode()
    assert card == model_card(crop.model)
    identity = rows(card)
    assert identity["SHA-256"] == f"`{hashlib.sha256(crop.model.read_bytes()).hexdigest()}`"
    assert f"{crop.model.stat().st_size:,} bytes" in identity["Size"]
    assert identity["Format"] == f"ONNX, opset 18, IR version {onnx.load(crop.model).ir_version}, one file"
    assert str(crop.model.parent) not in card, "folders of a machine have no place in the card"


def test_the_numbers_of_the_card_are_those_of_the_contract(facts: ModelFacts, contract: ModelContract) -> None:
    card = card_of(facts, contract)
    validation, parity = contract.training["validation"], contract.parity
    assert parity is not None
    metrics = rows(section(card, "How good it was on validation images"))
    low, high = validation["intervals"]["auroc"]
    assert metrics["AUROC, over all thresholds"] == f"{validation['auroc']:.4g} | {low:.4g} to {high:.4g}"
    assert metrics["Cross-entropy"] == f"{validation['loss']:.4g} | —"
    assert metrics["Really anomaly"] == f"{validation['missed_anomaly']} | {validation['true_anomaly']}"
    measured = rows(section(card, "Does the file compute what PyTorch computes?"))
    assert measured["Largest logit error of this file"] == f"{parity['error_onnx']:.1e}"
    assert measured["Largest logit error of float32 PyTorch"] == f"{parity['error_torch']:.1e}"
    assert measured["SHA-256 over the images"] == f"`{parity['images_hash']}`"
    assert measured["Decisions flipped outside the margin"] == str(parity["flips"])
    weights = rows(section(card, "Where the weights come from"))
    assert weights["Training images"] == f"64, hash `{contract.training['train_data_hash']}`"
    assert weights["Validation images"] == f"16, hash `{contract.training['validation_data_hash']}`"
    assert weights["Validation images in training"] == "0 identical, 0 nearly"
    versions = rows(section(card, "Versions"))
    assert versions["torch"].endswith(f"| {contract.export['versions']['torch']}")
    assert versions["onnx"] == f"— | {contract.export['versions']['onnx']}"
    reference = rows(section(card, "Self-test"))
    assert [float(reference[str(number)]) for number in range(4)] == list(contract.self_test.logits)
    assert hashlib.sha256(self_test_images(128).tobytes()).hexdigest() in section(card, "Self-test")
    assert contract.preprocessing.hash in section(card, "Preparing an image")


def test_everything_in_the_provenance_is_on_the_card(facts: ModelFacts, contract: ModelContract) -> None:
    """What a later version records is shown as well, under its own name."""
    changed = replace(
        contract,
        training=contract.training | {"moon_phase": {"age": 3.5, "waning": [1, 2]}},
        export=contract.export | {"calibration": {"images": 77}},
        parity={**(contract.parity or {}), "cosine": 0.25},
    )
    card = card_of(facts, changed)
    assert rows(section(card, "Where the weights come from"))["Moon phase"] == r"age 3.5, waning \[1, 2\]"
    assert rows(section(card, "Versions"))["calibration"] == '`{"images": 77}`'
    assert rows(section(card, "Does the file compute what PyTorch computes?"))["cosine"] == "2.5e-01"
    for key in set(contract.training) - {"validation", "reliability", "threshold_choice", "versions"}:
        assert any(str(part) in card.replace("\\", "").replace(",", "") for part in leaves(contract.training[key])), key


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in leaves(part)]
    return [str(value).replace(",", "")]


def test_a_threshold_and_its_interval(facts: ModelFacts, contract: ModelContract) -> None:
    default = rows(section(card_of(facts, contract), "What it decides"))
    assert "greater than **0.01**" in default["An image is called"]
    assert default["95 % interval"] == "none: the threshold was not chosen on images"
    choice = {
        "rule": "recall=0.99",
        "threshold": 0.0312,
        "interval": [0.0201, 0.0405],
        "interval_method": {"level": 0.95, "method": "percentile bootstrap", "resamples": 1000, "seed": 0},
        "images": 16,
        "data_hash": contract.training["validation_data_hash"],
    }
    chosen = replace(
        contract,
        threshold=0.0312,
        threshold_source="recall=0.99 on 16 validation images",
        training=contract.training | {"threshold_choice": choice},
    )
    card = card_of(facts, chosen)
    decision = rows(section(card, "What it decides"))
    assert "greater than **0.0312**" in decision["An image is called"]
    assert decision["Chosen"] == "recall=0.99 on 16 validation images"
    assert decision["95 % interval"] == "0.0201 to 0.0405 (percentile bootstrap, 1,000 resamples)"
    assert "Note" not in decision
    assert "They chose the epoch and the threshold" in card
    for program in ("THRESHOLD = 0.0312;", "double THRESHOLD = 0.0312;", "double Threshold = 0.0312;"):
        assert program in section(card, "Using it")
    changed = card_of(facts, replace(chosen, threshold=0.2))
    assert "0.0312, which was changed afterwards" in rows(section(changed, "What it decides"))["Note"]
    assert "The file's threshold is another one, 0.2" in changed


def test_what_is_missing_is_named(facts: ModelFacts, contract: ModelContract) -> None:
    nothing = replace(contract, training={"checkpoint_hash": "ab" * 32}, parity=None)
    card = card_of(facts, nothing)
    assert "**There are none.** The checkpoint" in section(card, "How good it was on validation images")
    assert "How often it is wrong is not known" in section(card, "What it must not be trusted with")
    assert "**Not proven.**" in section(card, "Does the file compute what PyTorch computes?")
    assert rows(section(card, "Where the weights come from"))["Training images"] == "not recorded, hash not recorded"


def test_a_converted_model_names_its_keras_file(facts: ModelFacts, contract: ModelContract) -> None:
    origin = {
        "file": "crop_final.h5", "sha256": "cd" * 32, "form": "legacy weights", "keras_version": None,
        "backbone1": "efficientnet-b0", "backbone2": "efficientnet-b0 (2)", "swapped": False, "trainable": None,
        "input_assumed": "RGB / 255",
    }  # fmt: skip
    training = {"checkpoint_hash": "ab" * 32, "converted_from": origin, "python": "3.11.7", "torch": "2.14.1"}
    card = card_of(facts, replace(contract, training=training))
    assert "converted from the Keras file crop\\_final.h5" in section(card, "How good it was on validation images")
    weights = rows(section(card, "Where the weights come from"))
    assert weights["Compared with Keras"].startswith("no")
    assert weights["Training images"].startswith("not recorded")
    assert weights["Keras"] == "of unknown version"
    assert rows(section(card, "Versions"))["python"] == "3.11.7 | —"
    compared = training | {"compared_with_keras": {"images": 9, "largest": 1.25e-05, "flipped": 0}}
    weights = rows(section(card_of(facts, replace(contract, training=compared)), "Where the weights come from"))
    assert weights["Compared with Keras"] == "9 images, logits off by at most 1.3e-05, 0 decisions flipped"


def test_leaked_images_are_a_limit(facts: ModelFacts, contract: ModelContract) -> None:
    leaked = contract.training | {"leakage": {"identical": 2, "near_identical": 5, "two_labels": 1}}
    card = card_of(facts, replace(contract, training=leaked))
    assert "7 validation images are in the training set" in section(card, "What it must not be trusted with")
    row = rows(section(card, "Where the weights come from"))["Validation images in training"]
    assert row == "2 identical, 5 nearly; 1 images carry both labels"


def test_a_gate_without_real_images_is_named(facts: ModelFacts, contract: ModelContract) -> None:
    checkpoint = small_checkpoint()
    made = read_image_set(MADE_IMAGES, TrainedModel.of(checkpoint))
    parity = {**(contract.parity or {}), "images_hash": made.hash}
    card = card_of(facts, replace(contract, preprocessing=checkpoint.preprocessing, parity=parity))
    assert "It had no real images" in card
    assert "It had no real images" not in card_of(facts, contract)


def test_a_heatmap_is_on_the_card_if_the_file_has_one(facts: ModelFacts, contract: ModelContract) -> None:
    assert "heatmap of 4 × 4 cells" in card_of(facts, contract)
    assert "heatmap of 5 × 7 cells" in card_text(read_facts(small_file(contract, heatmap=(5, 7)), "crop.onnx"))
    assert "heatmap" not in card_text(read_facts(small_file(contract), "crop.onnx"))


def test_the_steps_are_those_of_the_specification() -> None:
    whole = preparation_steps(PreprocessingSpec(region="whole", image_size=64))
    assert [len(preparation_steps(PreprocessingSpec(region=region))) for region in ("object", "border")] == [8, 4]
    assert len(whole) == 4
    assert "64 × 64" in whole[2]
    assert "12,288 bytes" in whole[3]
    border = " ".join(preparation_steps(PreprocessingSpec(region="border", border=7)))
    assert "first 7 rows and the first 7 columns" in border
    cut = " ".join(preparation_steps(PreprocessingSpec(region="object", object_threshold=120, object_bottom=None)))
    assert "at most 120" in cut
    assert "y + h is" not in cut
    bgr = PreprocessingSpec(region="whole", channel_order="bgr", mean=(1.0, 2.0, 3.0))
    assert "trained on BGR" in preparation_steps(bgr)[-1]
    for fast, told in (
        (
            PreprocessingSpec("whole", image_size=64, fast_decode=True),
            "divides its width and its height and leaves a side",
        ),
        (
            PreprocessingSpec("border", image_size=64, border=7, fast_decode=True),
            "divides its width, its height and 7 and",
        ),
    ):
        steps = preparation_steps(fast)
        assert len(steps) == len(preparation_steps(replace(fast, fast_decode=False))) + 1
        assert told in steps[1]
        assert "at least 128 pixels" in steps[1]
    assert "[1.0, 2.0, 3.0] is subtracted" in scaling_in_the_graph(bgr)


HOSTILE = "a | b\n| c `d` <script>alert(1)</script> **e** [f](g) ![h](i) \\| $j$ ```\n# k\n<!-- l"


def test_hostile_text_breaks_no_table_and_is_no_markup(facts: ModelFacts, contract: ModelContract) -> None:
    training = json.loads(json.dumps(contract.training))
    hostile_training = training | {
        "weights": HOSTILE, "validation_source": HOSTILE, "train_data_hash": HOSTILE, HOSTILE: HOSTILE,
        "versions": {HOSTILE: HOSTILE},
        "validation": {**training["validation"], "auroc": HOSTILE, "intervals": HOSTILE},
        "threshold_choice": {"interval": HOSTILE, "interval_method": {"method": HOSTILE}, "data_hash": HOSTILE},
        "leakage": HOSTILE,
        "reliability": dict.fromkeys(RELIABILITY, HOSTILE) | {key: {"brier": HOSTILE} for key in ("raw", "calibrated")},
    }  # fmt: skip
    hostile = replace(
        contract,
        labels=(HOSTILE, HOSTILE),
        threshold_source=HOSTILE,
        precision=HOSTILE,
        calibration=replace(CALIBRATION, data_hash=HOSTILE),
        training=hostile_training,
        export={"exporter": HOSTILE, "versions": {"torch": HOSTILE}, "other": [HOSTILE]},
        parity={"provider": HOSTILE, "images_hash": HOSTILE, HOSTILE: [HOSTILE]},
    )
    card = card_of(facts, hostile)
    calibrated = replace(contract, calibration=CALIBRATION, training=training | {"reliability": RELIABILITY})
    page, harmless = (html(text) for text in (card, card_of(facts, calibrated)))
    assert not set(re.findall(r"<([a-z0-9]+)", page)) - set(re.findall(r"<([a-z0-9]+)", harmless))
    assert re.findall(r"<h\d>(.*?)</h\d>", page) == re.findall(r"<h\d>(.*?)</h\d>", harmless)
    for table in re.findall(r"<table>.*?</table>", page, re.S):
        widths = {line.count("<td") + line.count("<th") for line in re.findall(r"<tr>.*?</tr>", table, re.S)}
        assert len(widths) == 1, table
    assert page.count("<table>") == harmless.count("<table>")
    assert "<strong>e</strong>" not in page


def test_the_template_escapes_by_itself_and_knows_no_unknown_names() -> None:
    template = environment().from_string("{{ value }}")
    page = markdown.markdown(template.render(value=HOSTILE))
    assert re.findall("<[^>]*>", page) == ["<p>", "</p>"]
    shown = unescape(page.removeprefix("<p>").removesuffix("</p>"))
    assert shown.replace("\\", "") == " ".join(HOSTILE.split()).replace("\\", "")
    with pytest.raises(UndefinedError, match="value"):
        template.render(values=HOSTILE)


def html(card: str) -> str:
    return markdown.markdown(card.split("\n", 1)[1], extensions=["tables", "fenced_code"])


def test_a_file_that_is_no_crbl_model_has_no_card(tmp_path: Path) -> None:
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    other = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["x"], ["y"])], "g", [value], [other])
    (tmp_path / "foreign.onnx").write_bytes(onnx.helper.make_model(graph).SerializeToString())
    (tmp_path / "text.onnx").write_bytes(b"\xff\xff not a model")
    for name in ("foreign.onnx", "text.onnx", "missing.onnx"):
        with pytest.raises(ModelFileError, match=name):
            model_card(tmp_path / name)


def write_both(folder: Path, content: bytes) -> tuple[Path, Path]:
    target = folder / "model.onnx"
    with replacing_with_card(target) as (candidate, report):
        candidate.write_bytes(content)
        report.write_text(REPORT_START + f'"{hashlib.sha256(content).hexdigest()}"')
    return target, card_path(target)


def test_file_and_card_are_written_together_and_the_same_each_time(content: bytes, tmp_path: Path) -> None:
    first, card = write_both(tmp_path / "first", content)
    again, second_card = write_both(tmp_path / "second", content)
    assert first.read_bytes() == again.read_bytes() == content
    assert card.read_bytes() == second_card.read_bytes() == model_card(first).encode()
    assert sorted(path.name for path in first.parent.iterdir()) == ["model.md", "model.onnx", "model.parity.json"]


def test_what_fails_leaves_none_or_all_old_ones(
    content: bytes, contract: ModelContract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty"
    with pytest.raises(ModelFileError):
        write_both(empty, b"no model")
    assert not empty.exists()
    target, card = write_both(tmp_path / "old", content)
    old_card, old_report = card.read_bytes(), report_path(target).read_bytes()
    with pytest.raises(ModelFileError):
        write_both(target.parent, b"no model")
    rename = Path.replace

    def refuse_models(self: Path, target: Path) -> Path:
        """As Windows does while another program has the model file open."""
        if Path(target).suffix == ".onnx":
            raise PermissionError("in use")
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", refuse_models)
    with pytest.raises(OutputError, match="in use"):
        write_both(target.parent, small_file(contract, producer="another file"))
    assert (target.read_bytes(), card.read_bytes()) == (content, old_card)
    assert report_path(target).read_bytes() == old_report
    assert sorted(path.name for path in target.parent.iterdir()) == ["model.md", "model.onnx", "model.parity.json"]


KILLED_BETWEEN = """
import os, sys
from pathlib import Path
from crbl_export.model_card.beside_model import replacing_with_card

rename = Path.replace

def rename_and_die(self, target):
    rename(self, target)
    if Path(target).suffix == ".onnx":
        os._exit(9)

Path.replace = rename_and_die
with replacing_with_card(Path(sys.argv[1])) as (candidate, report):
    candidate.write_bytes(Path(sys.argv[2]).read_bytes())
"""


def test_a_kill_between_the_two_leaves_no_card_of_another_file(
    content: bytes, contract: ModelContract, tmp_path: Path
) -> None:
    target, card = write_both(tmp_path, content)
    (tmp_path / "new").write_bytes(small_file(contract, producer="another file"))
    killed = subprocess.run([sys.executable, "-c", KILLED_BETWEEN, str(target), str(tmp_path / "new")])
    assert killed.returncode == 9
    assert target.read_bytes() == (tmp_path / "new").read_bytes()
    assert not card.exists()
    assert not report_path(target).exists()
    with pytest.raises(UsageError, match=r"without a card.*--force"):
        require_free(target, force=False)
    require_free(target, force=True)


def test_nothing_that_exists_is_written_over_unasked(tmp_path: Path, crop: Trained) -> None:
    target, card = tmp_path / "model.onnx", tmp_path / "model.md"
    require_free(target, force=False)
    card.write_text("# My notes on this model")
    with pytest.raises(UsageError, match="no model card"):
        require_free(target, force=True)
    result = run_command("crbl-export", "--variant", "crop", "--checkpoint", crop.checkpoint, "-o", target)
    assert result.returncode == 2
    assert "model.md exists" in result.stderr
    assert card.read_text() == "# My notes on this model"
    assert not target.exists()
    with pytest.raises(UsageError, match="name of a model card"):
        require_free(card, force=True)


def test_a_calibration_and_what_it_is_worth(facts: ModelFacts, contract: ModelContract) -> None:
    training = contract.training | {"reliability": RELIABILITY}
    plain = card_of(facts, replace(contract, training=training))
    assert "What its probability is worth" not in plain
    limits = section(plain, "What it must not be trusted with")
    assert "not calibrated. On 40 labelled images it was off by 0.25 on average" in limits
    card = card_of(facts, replace(contract, training=training, calibration=CALIBRATION))
    worth = section(card, "What its probability is worth")
    found = rows(worth)
    assert found["Method"] == "Platt scaling, fitted to 40 images, 12 of them anomalous"
    assert found["Brier score"] == "0.2 | 0.125"
    assert found["In JavaScript"] == "`1 / (1 + Math.exp(-(1.25e-05 * logit - 2.5)))`"
    assert "in folds, each of them calibrated by a fit to the others" in worth
    assert "30 % of the images of the fit were anomalous" in worth
    limits = section(card, "What it must not be trusted with")
    assert "not calibrated" not in limits
    assert "Calibrated on few images (12 of the rarer class, 20 are wanted)" in limits
    of_validation = replace(CALIBRATION, data_hash=contract.training["validation_data_hash"])
    told = card_of(facts, replace(contract, calibration=of_validation))
    assert "the validation images, which chose the epoch, too" in section(told, "What its probability is worth")
    assert not card_of(facts, replace(contract, calibration=CALIBRATION)).count(
        "the validation images, which chose the"
    )


LOGITS = (-900.0, -3.5, 0.0, 2.0, 900.0)
IN_CPP = """#include <cmath>
#include <cstdio>
#include <initializer_list>
int main() {{ for (double logit : {{ {logits} }}) std::printf("%.17g ", {expression}); }}
"""


@pytest.mark.parametrize("calibration", [CALIBRATION, replace(CALIBRATION, slope=2.0, intercept=0.75)])
@pytest.mark.parametrize("language", ["Python", "JavaScript", "C++"])
def test_its_formula_gives_what_crbl_runtime_gives(calibration: Calibration, language: str, tmp_path: Path) -> None:
    logits = ", ".join(map(str, LOGITS))
    expression = calibrated_expression(
        calibration, {"Python": "exp", "JavaScript": "Math.exp", "C++": "std::exp"}[language]
    )
    program = {"Python": sys.executable, "JavaScript": shutil.which("node"), "C++": shutil.which("g++")}[language]
    if program is None:
        pytest.skip(f"there is no program for {language} here")
    if language == "C++":
        (tmp_path / "formula.cpp").write_text(IN_CPP.format(logits=logits, expression=expression))
        subprocess.run([program, tmp_path / "formula.cpp", "-o", tmp_path / "formula"], check=True)
        command = [str(tmp_path / "formula")]
    elif language == "JavaScript":
        command = [program, "-e", f"console.log([{logits}].map((logit) => {expression}).join(' '))"]
    else:
        command = [program, "-c", f"from numpy import exp\nprint(*[{expression} for logit in [{logits}]])"]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    expected = [calibration.probability(logit) for logit in LOGITS]
    assert [float(text) for text in told.stdout.split()] == pytest.approx(expected, rel=1e-12)
