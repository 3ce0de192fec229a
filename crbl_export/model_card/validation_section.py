"""How good the model was on its validation images."""

from typing import Any

from crbl_export.model_card.decision_section import interval_text, method_text
from crbl_export.model_card.facts import ModelFacts
from crbl_export.model_card.markdown import number, plain, table

FIGURES = {
    "accuracy": "Accuracy",
    "precision": "Precision: anomalies among what was called one",
    "recall": "Recall: anomalies that were found",
    "f1": "F1",
    "auroc": "AUROC, over all thresholds",
    "average_precision": "Average precision, over all thresholds",
    "loss": "Cross-entropy",
}


def validation_section(facts: ModelFacts) -> str:
    """Figures with their intervals and the confusion matrix; where there are none, why."""
    validation = facts.recorded("validation")
    if not validation:
        return f"**There are none.** {_why_none(facts)} Measure it before you rely on it:\n\n{_evaluate(facts)}"
    intervals = validation.get("intervals") if isinstance(validation.get("intervals"), dict) else {}
    rows = [
        [title, _figure(validation.get(key)), interval_text(intervals[key]) if key in intervals else "—"]
        for key, title in FIGURES.items()
    ]
    normal, anomaly = map(plain, facts.contract.labels)
    confusion = [
        [f"Really {normal}", number(validation.get("true_normal")), number(validation.get("false_alarm"))],
        [f"Really {anomaly}", number(validation.get("missed_anomaly")), number(validation.get("true_anomaly"))],
    ]
    method = method_text(validation.get("interval_method"))
    return "\n\n".join(
        [
            f"On {number(validation.get('images'))} validation images, at the threshold "
            f"{number(validation.get('threshold'))}. {_optimism(facts, validation)}",
            table(["Figure", "Value", "95 % interval"], rows),
            f"Intervals: {method}. A figure without a mistake gets an interval without width.",
            table(["", f"Called {normal}", f"Called {anomaly}"], confusion),
            f"New labelled images are measured the same way by:\n\n{_evaluate(facts)}",
        ]
    )


def _figure(value: Any) -> str:
    return "not recorded" if value is None else number(value, 4)


def _optimism(facts: ModelFacts, validation: dict[str, Any]) -> str:
    chose = "the epoch"
    if facts.recorded("threshold_choice").get("data_hash") == facts.training.get("validation_data_hash"):
        chose = "the epoch and the threshold"
    text = f"They chose {chose}, so expect somewhat less of new images."
    if validation.get("threshold") != facts.contract.threshold:
        text += f" **The file's threshold is another one, {facts.contract.threshold:.6g}.**"
    return text


def _why_none(facts: ModelFacts) -> str:
    source = facts.recorded("converted_from").get("file")
    if source is not None:
        return f"The weights were converted from the Keras file {plain(source)}, which says nothing of its accuracy."
    return "The checkpoint that the file was exported from does not record any."


def _evaluate(facts: ModelFacts) -> str:
    return f"    crbl-evaluate {' '.join(facts.name.split())} --data images/test.csv --out evaluation"
