// The ROC and precision-recall curves of one model, and the areas below them, as scikit-learn has them.

import type { ScoredImages } from "./scored_images";

export interface Curve {
  // Never decreasing.
  x: number[];
  y: number[];
}

export interface Curves {
  // x: the share of normal images that is called anomalous. y: the share of anomalies that is.
  roc: Curve;
  // x: recall. y: precision, which holds for all recalls from the one before.
  precisionRecall: Curve;
  auroc: number;
  averagePrecision: number;
}

export function curvesOf({ anomalies, normals, above }: ScoredImages): Curves {
  const roc: Curve = { x: [0], y: [0] };
  const precisionRecall: Curve = { x: [], y: [] };
  let twiceArea = 0;
  let averagePrecision = 0;
  let before = { trueAnomalies: 0, falseAlarms: 0 };
  for (const counts of above) {
    const { trueAnomalies, falseAlarms } = counts;
    const recall = trueAnomalies / anomalies;
    const precision = trueAnomalies / (trueAnomalies + falseAlarms);
    roc.x.push(falseAlarms / normals);
    roc.y.push(recall);
    precisionRecall.x.push(before.trueAnomalies / anomalies, recall);
    precisionRecall.y.push(precision, precision);
    twiceArea += (falseAlarms - before.falseAlarms) * (trueAnomalies + before.trueAnomalies);
    averagePrecision += (recall - before.trueAnomalies / anomalies) * precision;
    before = counts;
  }
  return { roc, precisionRecall, auroc: twiceArea / (2 * anomalies * normals), averagePrecision };
}
