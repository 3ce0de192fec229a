// A card for each image: the decision, and for each model its picture and its numbers.

import type { Prediction } from "../detector";
import { drawScale, fullColour } from "../heatmap_overlay";
import type { Heatmap } from "../inference/session";
import type { Texts } from "../texts/texts";
import type { ImageEntry, Predicted } from "./application";
import { element, number, row, threshold, type Child } from "./elements";

const SCALE_WIDTH = 220;
const SCALE_HEIGHT = 12;

export function resultCard({ file, outcome }: ImageEntry, hasModel: boolean, texts: Texts): HTMLElement {
  const name = element("h3", "", file.name);
  if (outcome === null) {
    const waiting = hasModel ? texts.waiting : texts.waitingForModel;
    return element("article", "result waiting", name, element("p", "note", waiting));
  }
  if ("error" in outcome) {
    return element("article", "result failed", name, element("p", "error", outcome.error(texts)));
  }
  const kind = outcome.isAnomaly ? "anomaly" : "normal";
  const card = element("article", `result predicted ${kind}`, name, decision(outcome, texts));
  for (const note of outcome.notes) card.append(element("p", "note", note(texts)));
  const figures = outcome.predictions.map(({ prediction, overlay }) => figure(prediction, overlay, texts));
  card.append(element("div", "figures", ...figures));
  return card;
}

function decision({ label, predictions }: Predicted, texts: Texts): HTMLElement {
  const together = predictions.length > 1 ? [element("small", "", texts.together)] : [];
  return element("p", "decision", element("strong", "", label), ...together);
}

function figure(prediction: Prediction, overlay: HTMLCanvasElement, texts: Texts): HTMLElement {
  const { calibratedProbability, detector, heatmap, isAnomaly, label, logit, probability } = prediction;
  const { contract } = detector.model;
  const kind = isAnomaly ? "anomaly" : "normal";
  const calibrated = calibratedProbability === null ? [] : [number(calibratedProbability, calibratedProbability.toFixed(6))];
  return element(
    "figure",
    `prediction ${contract.variant} ${kind}`,
    overlay,
    ...(heatmap === null ? [] : [scale(heatmap, texts)]),
    element("figcaption", "", `${contract.variant}: `, element("strong", "", label)),
    element(
      "dl",
      "",
      ...row(texts.probability, "probability", number(probability, probability.toFixed(6))),
      ...(calibrated.length > 0 ? row(texts.calibrated, "calibrated", ...calibrated) : []),
      ...row(texts.threshold, "threshold", threshold(contract.threshold)),
      ...row(texts.logit, "logit", number(logit, signed(logit))),
      ...row(texts.region, "region", region(prediction, texts)),
      ...row(texts.cells, "cells", ...cells(heatmap, texts)),
      ...row(texts.runsOn, "provider", texts.provider[detector.provider]),
    ),
  );
}

function region({ box, regionFound }: Prediction, texts: Texts): string {
  return regionFound ? texts.regionFound(box.width, box.height, box.x, box.y) : texts.regionNotFound;
}

function cells(heatmap: Heatmap | null, texts: Texts): Child[] {
  if (heatmap === null) return [texts.noHeatmap];
  const total = heatmap.cells.reduce((sum, cell) => sum + cell, 0);
  return [`${texts.cellsAddUpTo(heatmap.rows, heatmap.columns)} `, number(total, signed(total))];
}

function scale(heatmap: Heatmap, texts: Texts): HTMLElement {
  const limit = fullColour(heatmap).toPrecision(2);
  return element(
    "div",
    "scale",
    drawScale(SCALE_WIDTH, SCALE_HEIGHT),
    element("span", "towards-normal", `−${limit} ${texts.towardsNormal}`),
    element("span", "", "0"),
    element("span", "towards-anomaly", `${texts.towardsAnomaly} +${limit}`),
  );
}

function signed(value: number): string {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(4)}`;
}
