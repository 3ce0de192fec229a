// The threshold that is best on the labelled images, by the rules of training/crbl_training/evaluation/threshold.py.

import type { Costs } from "./consequences";
import { logOddsOf, probabilityOf } from "./log_odds";
import type { ScoreCounts, ScoredImages } from "./scored_images";

export type Rule =
  | { kind: "f1" }
  | { kind: "recall"; recall: number }
  | { kind: "cost"; costs: Costs; defectRate: number };

// Below or above all scores there is nothing to halve the way to.
const BEYOND_ALL_SCORES = 1;
// Equal counts must not differ by their rounding.
const SAME_COST = 1e-12;
const MOST_DIGITS = 17;

// `images` are scored by their probabilities, because these are what a threshold is compared with.
export function bestThreshold(rule: Rule, images: ScoredImages): number {
  const place = rule.kind === "cost" ? placeOfLeastCost(rule, images) : placeOf(rule, images);
  const lowestAnomaly = images.above[place]?.score ?? null;
  const highestNormal = images.above[place + 1]?.score ?? null;
  return thresholdBetween(highestNormal, lowestAnomaly);
}

// The place in `above` of the lowest score that is to be called anomalous.
function placeOf(rule: { kind: "f1" } | { kind: "recall"; recall: number }, images: ScoredImages): number {
  if (rule.kind === "recall") {
    return images.above.findIndex(({ trueAnomalies }) => trueAnomalies / images.anomalies >= rule.recall);
  }
  const f1 = images.above.map(
    ({ trueAnomalies, falseAlarms }) => (2 * trueAnomalies) / (trueAnomalies + falseAlarms + images.anomalies),
  );
  return f1.lastIndexOf(Math.max(...f1));
}

// Where several cost the same, the lowest score, which misses the fewest anomalies; -1 where none is to be called so.
function placeOfLeastCost({ costs, defectRate }: Rule & { kind: "cost" }, images: ScoredImages): number {
  const nothing: ScoreCounts = { score: Infinity, trueAnomalies: 0, falseAlarms: 0 };
  const cost = [nothing, ...images.above].map(
    ({ trueAnomalies, falseAlarms }) =>
      defectRate * (1 - trueAnomalies / images.anomalies) * costs.missedAnomaly +
      (1 - defectRate) * (falseAlarms / images.normals) * costs.falseAlarm,
  );
  const least = Math.min(...cost) + SAME_COST * Math.max(...cost);
  return cost.map((each) => each <= least).lastIndexOf(true) - 1;
}

// Half-way in log odds, in as few digits as lie between.
function thresholdBetween(highestNormal: number | null, lowestAnomaly: number | null): number {
  const low = highestNormal ?? 0;
  const high = lowestAnomaly ?? 1;
  const beyond = highestNormal === null ? logOddsOf(high) - BEYOND_ALL_SCORES : logOddsOf(low) + BEYOND_ALL_SCORES;
  const isBetween = highestNormal !== null && lowestAnomaly !== null;
  return shortest(probabilityOf(isBetween ? (logOddsOf(low) + logOddsOf(high)) / 2 : beyond), low, high);
}

function shortest(value: number, low: number, high: number): number {
  for (let digits = 2; digits <= MOST_DIGITS; digits += 1) {
    const rounded = Number(value.toPrecision(digits));
    if (low < rounded && rounded < high) return rounded;
  }
  // No number lies between: an image at the threshold itself is normal.
  return low;
}
