"""What the model decides, and where its threshold comes from."""

from crbl_export.model_card.facts import ModelFacts
from crbl_export.model_card.markdown import code, number, plain, table
from crbl_export.model_card.preprocessing_steps import region_in_words
from crbl_runtime.decision import threshold_logit


def decision_section(facts: ModelFacts) -> str:
    """The rule in a sentence, the threshold with its interval in a table."""
    contract = facts.contract
    normal, anomaly = map(plain, contract.labels)
    threshold = f"{contract.threshold:.6g}"
    heatmap = (
        f" A heatmap of {facts.heatmap[0]} × {facts.heatmap[1]} cells says where in the image that comes from: its "
        "cells add up to the logit less the bias."
        if facts.heatmap
        else ""
    )
    rows = [
        ["An image is called", f"**{anomaly}** when its probability is greater than **{threshold}**, else {normal}"],
        ["The same as a logit", f"greater than {threshold_logit(contract.threshold):.6g}"],
        ["Chosen", plain(contract.threshold_source)],
        *_interval_rows(facts),
    ]
    return (
        f"The model looks at {region_in_words(contract.preprocessing)}, and gives the probability that it shows an "
        f"anomaly.{heatmap}\n\n{table(['Decision', ''], rows)}\n\n"
        "Used together, a crop and a full model call an image anomalous when either of them does."
    )


def _interval_rows(facts: ModelFacts) -> list[list[str]]:
    choice = facts.recorded("threshold_choice")
    if not choice:
        return [["95 % interval", "none: the threshold was not chosen on images"]]
    method = choice.get("interval_method")
    rows = [
        ["95 % interval", f"{interval_text(choice.get('interval'))} ({method_text(method)})"],
        ["Chosen on", f"{number(choice.get('images'))} validation images, hash {code(choice.get('data_hash'))}"],
    ]
    chosen = choice.get("threshold")
    if chosen != facts.contract.threshold:
        rows.append(["Note", f"the interval belongs to the threshold {number(chosen)}, which was changed afterwards"])
    return rows


def interval_text(interval: object) -> str:
    """Two ends of an interval; what is none, as it is."""
    if isinstance(interval, list) and len(interval) == 2:
        return f"{number(interval[0], 4)} to {number(interval[1], 4)}"
    return "not recorded" if interval is None else plain(interval)


def method_text(method: object) -> str:
    """How intervals came about."""
    if not isinstance(method, dict):
        return "method not recorded"
    return f"{plain(method.get('method'))}, {number(method.get('resamples'))} resamples"
