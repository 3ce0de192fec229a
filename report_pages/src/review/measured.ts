// The decisions of each model, and with two models of both together, and how they compare with the labels.

import { confusionOf, countOf, type Confusion } from "./confusion";
import type { Curves } from "./curves";
import { ANOMALY, NORMAL, anyAnomaly, decisionsOf, type Decisions } from "./decisions";
import type { ReviewSet } from "./review_set";

export interface Measured {
  name: "crop" | "full" | "combined";
  decisions: Decisions;
  calledAnomalous: number;
  calledNormal: number;
  // null: no label is known.
  confusion: Confusion | null;
  // null for both models together, whose thresholds are two.
  curves: Curves | null;
}

// The last one is what the page decides by.
export function measuredAt(set: ReviewSet, thresholds: readonly number[]): Measured[] {
  const ofModels = set.models.map(({ data, curves }, model) => {
    return measured(set, data.variant, decisionsOf(data.probabilities, thresholds[model]!), curves);
  });
  if (ofModels.length === 1) return ofModels;
  return [...ofModels, measured(set, "combined", anyAnomaly(ofModels.map(({ decisions }) => decisions)), null)];
}

function measured(set: ReviewSet, name: Measured["name"], decisions: Decisions, curves: Curves | null): Measured {
  return {
    name,
    decisions,
    calledAnomalous: countOf(decisions, ANOMALY),
    calledNormal: countOf(decisions, NORMAL),
    confusion: set.labels === null ? null : confusionOf(decisions, set.labels),
    curves,
  };
}
