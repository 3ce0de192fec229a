"""The model card: everything a reader must know of a model file, from what the file itself records.

The page, its words and its order stand in card.md.j2; here the template gets its values.
"""

import hashlib
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from crbl_export.model_card import markdown
from crbl_export.model_card.facts import ModelFacts, read_model_file
from crbl_export.model_card.preprocessing_steps import preparation_steps, region_in_words, scaling_in_the_graph
from crbl_export.parity.contents_hash import contents_hash
from crbl_runtime.calibration import Calibration
from crbl_runtime.contract import ModelContract
from crbl_runtime.decision import threshold_logit
from crbl_runtime.self_test import self_test_images
from crbl_runtime.verification.record import content_sha256
from crbl_training.evaluation.calibration_images import few_images_note

FIRST_LINE = "<!-- Written by crbl-export from the contract in the model file. -->"
FILTERS = (
    markdown.code,
    markdown.code_line,
    markdown.in_words,
    markdown.interval,
    markdown.measured,
    markdown.number,
    markdown.recorded,
    markdown.scalar,
)


def model_card(model: Path) -> str:
    """The card of a model file, in Markdown; the same file gives the same text.

    Raises:
        ModelFileError: the file cannot be read, is no CRBL model, or has a contract this version does not know.
    """
    return card_text(read_model_file(model))


def card_text(facts: ModelFacts) -> str:
    """The card, in Markdown."""
    contract = facts.contract
    spec = contract.preprocessing
    images = self_test_images(spec.image_size)
    template = environment().get_template("card.md.j2")
    return template.render(
        first_line=Markup(FIRST_LINE),
        facts=facts,
        contract=contract,
        threshold_logit=threshold_logit(contract.threshold),
        region=Markup(region_in_words(spec)),
        steps=[Markup(step) for step in preparation_steps(spec)],
        calibrated=_about_calibration(contract.calibration) if contract.calibration is not None else None,
        scaling=Markup(scaling_in_the_graph(spec)),
        snippet=lambda file: Markup(snippet(file, contract)),
        self_test_images={
            "shape": images.shape,
            "sha256": hashlib.sha256(images.tobytes()).hexdigest(),
            "contents_hash": contents_hash(map(content_sha256, images)),
        },
    )


def _about_calibration(calibration: Calibration) -> dict[str, Any]:
    return {"by": partial(calibrated_expression, calibration), "few_images": few_images_note(calibration)}


def calibrated_expression(calibration: Calibration, exponential: str) -> str:
    """The calibrated probability of the variable `logit` in a language whose exponential function is called so."""
    sign, intercept = "-" if calibration.intercept < 0 else "+", abs(calibration.intercept)
    # repr is the shortest text that gives the same double, in all these languages.
    return f"1 / (1 + {exponential}(-({calibration.slope!r} * logit {sign} {intercept!r})))"


@cache
def environment() -> Environment:
    """Jinja with Markdown in place of HTML: any value that is not `Markup` is escaped, any unknown name an error."""
    made = Environment(
        loader=PackageLoader("crbl_export", "model_card"),
        undefined=StrictUndefined,
        finalize=markdown.plain,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {function.__name__: function for function in FILTERS}
    return made


def snippet(file: str, contract: ModelContract) -> str:
    """A program of the folder snippets with the numbers of this model in it."""
    text = files("crbl_export.model_card").joinpath("snippets", file).read_text("utf-8")
    # repr is the shortest text that gives the same double, in all these languages.
    return text.replace("@IMAGE_SIZE@", str(contract.preprocessing.image_size)).replace(
        "@THRESHOLD@", repr(contract.threshold)
    )
