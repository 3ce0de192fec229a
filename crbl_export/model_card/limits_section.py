"""What nobody has tested, and what the figures do not say."""

from crbl_export.model_card.facts import ModelFacts
from crbl_export.model_card.markdown import bullets, plain

PRECISIONS = {
    "fp32": "",
    "fp16": "Half precision: its logits are farther from the trained model's than those of an fp32 file. The parity "
    "table says how far.",
    "int8": "Eight-bit weights and activations: its logits are much farther from the trained model's than those of an "
    "fp32 file. The parity table says how far, on the images that were compared.",
}


def limits_section(facts: ModelFacts) -> str:
    """As a list, the gravest first."""
    return bullets([limit for limit in (*_of_the_figures(facts), *_of_the_file(facts)) if limit])


def _of_the_figures(facts: ModelFacts) -> list[str]:
    validation = facts.recorded("validation")
    leakage = facts.recorded("leakage")
    leaked = sum(leakage.get(key, 0) for key in ("identical", "near_identical") if isinstance(leakage.get(key), int))
    anomalous = [validation.get(key) for key in ("missed_anomaly", "true_anomaly")]
    seen = sum(count for count in anomalous if isinstance(count, int))
    return [
        "" if validation else "How often it is wrong is not known: no validation figures travel with this file.",
        "It knows images like those it was trained on. Another camera, light, scale, background or kind of object, "
        "and kinds of anomaly that were not among the training images, are untested.",
        f"Its {seen} anomalous validation images are all the evidence there is on how many anomalies it finds."
        if validation
        else "",
        f"{leaked} validation images are in the training set or nearly so: the figures are better than they should be."
        if leaked
        else "",
        "The probability is a score and not a frequency: it was trained with weighted classes and not calibrated.",
        "Images that were made to deceive it were not tried.",
    ]


def _of_the_file(facts: ModelFacts) -> list[str]:
    contract = facts.contract
    provider = contract.parity.get("provider") if contract.parity else None
    return [
        f"Parity was measured with the execution provider {plain(provider)}. On others, the drivers of your GPU among "
        "them, the self-test is all there is, and it has few images."
        if provider
        else "",
        "An image without a dark object is predicted whole, although the model learned from cut-out objects. "
        "`crbl_runtime` says so in `region_found`; another program must find out itself."
        if contract.preprocessing.region == "object"
        else "",
        PRECISIONS.get(contract.precision, f"The precision {plain(contract.precision)} has no words here."),
        "The heatmap says where the logit comes from. It is no outline of the anomaly."
        if facts.heatmap is not None
        else "",
    ]
