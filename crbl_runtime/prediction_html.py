"""A prediction as HTML, which notebooks show: the decision, what it rests on, and the heatmap."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from crbl_runtime.heatmap_overlay import BLUE_INK, RED_INK
from crbl_runtime.heatmap_svg import heatmap_svg
from crbl_runtime.html_table import html_table, html_text
from crbl_runtime.image_file.bit_depth import unclear_depth_text
from crbl_runtime.probability_text import probability_text

if TYPE_CHECKING:
    from crbl_runtime.prediction import CombinedPrediction, Prediction

FRAME = (
    "border:1px solid rgba(128,128,128,0.45);border-radius:8px;padding:12px 16px;margin:4px 8px 4px 0;"
    "box-sizing:border-box;max-width:min(100%,600px);overflow-x:auto"
)
BADGE = "color:#fff;padding:2px 10px;border-radius:4px;font-weight:bold"


def prediction_html(prediction: "Prediction") -> str:
    """A card; what comes from files is escaped in it."""
    heatmap = _heatmap(prediction) if prediction.heatmap is not None else ""
    return (
        f'<div style="display:inline-block;vertical-align:top;{FRAME}">'
        f"{_badge(prediction.label, prediction.is_anomaly)}{_bar(prediction)}{html_table([*_facts(prediction)])}"
        f"{heatmap}</div>"
    )


def combined_prediction_html(prediction: "CombinedPrediction") -> str:
    """The decision of both models together, above a card of each."""
    cards = prediction_html(prediction.crop) + prediction_html(prediction.full)
    return (
        f'<div><div style="margin:4px 0 8px">{_badge(prediction.label, prediction.is_anomaly)} '
        f"by both models: an image is anomalous where either finds it so</div>{cards}</div>"
    )


def _badge(label: str, is_anomaly: bool) -> str:
    colour = _css(RED_INK if is_anomaly else BLUE_INK)
    return f'<span style="{BADGE};background:{colour}">{html_text(label)}</span>'


def _bar(prediction: "Prediction") -> str:
    """The probability on a line from 0 to 1, with a mark at the threshold."""
    colour = _css(RED_INK if prediction.is_anomaly else BLUE_INK)
    words = f"probability {prediction.probability:.4f}, threshold {prediction.threshold:.4g}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="100%" height="18" role="img" aria-label="{words}" '
        'style="display:block;margin:8px 0 0;min-width:220px;overflow:visible">'
        '<rect y="5" width="100%" height="8" rx="4" fill="rgba(128,128,128,0.3)"/>'
        f'<rect y="5" width="{100 * prediction.probability:.2f}%" height="8" rx="4" fill="{colour}"/>'
        f'<rect x="{100 * prediction.threshold:.2f}%" width="2" height="18" fill="currentColor"/></svg>'
    )


def _facts(prediction: "Prediction") -> Iterator[tuple[str, str]]:
    yield "probability", probability_text(prediction.probability)
    given = "as was asked" if prediction.threshold_given else "of the model file"
    yield "threshold (the mark)", f"{prediction.threshold:.4g}, {given}"
    if prediction.calibrated_probability is not None:
        yield "calibrated probability", probability_text(prediction.calibrated_probability)
    yield "logit", f"{prediction.logit:+.4f}"
    yield "variant", prediction.variant
    x, y, width, height = prediction.box
    where = f"{width} × {height} pixels at ({x}, {y})"
    yield "region", where if prediction.region_found else f"no object was found, so the whole image: {where}"
    yield "provider", prediction.provider
    others = {
        "fallback": prediction.fallback,
        "device removed": prediction.device_removed,
        "preparation": prediction.preparation,
        "bit depth": unclear_depth_text(1) if prediction.bit_depth_unclear else None,
    }
    yield from ((name, text) for name, text in others.items() if text is not None)
    yield from (("note", note) for note in prediction.notes)


def _heatmap(prediction: "Prediction") -> str:
    assert prediction.heatmap is not None
    rows, columns = prediction.heatmap.shape
    total = float(prediction.heatmap.sum(dtype=np.float64))
    sentence = (
        f"{rows} × {columns} cells over the region add up to {total:+z.4f}; "
        f"with the bias {prediction.logit - total:+z.4f} that is the logit"
    )
    return f'<div style="font-size:13px;margin:8px 0">{sentence}</div>{heatmap_svg(prediction.heatmap)}'


def _css(colour: tuple[int, int, int]) -> str:
    return f"rgb{colour}"
