// The labelled images of one model, sorted by score, and what lies above each score.

import type { Labels } from "./confusion";

// At a score that some image has: how many images have it or a higher one.
export interface ScoreCounts {
  score: number;
  trueAnomalies: number;
  falseAlarms: number;
}

export interface ScoredImages {
  anomalies: number;
  normals: number;
  // The highest score first, each score once.
  above: ScoreCounts[];
}

// null: the images that are scored and labelled are not of both classes.
export function scoredImages(scores: readonly (number | null)[], labels: Labels): ScoredImages | null {
  const images = scores.flatMap((score, image) => {
    const label = labels[image] ?? null;
    return score === null || label === null ? [] : [{ score, label }];
  });
  images.sort((one, other) => other.score - one.score);
  const above: ScoreCounts[] = [];
  let trueAnomalies = 0;
  let falseAlarms = 0;
  images.forEach(({ score, label }, place) => {
    trueAnomalies += label;
    falseAlarms += 1 - label;
    if (images[place + 1]?.score !== score) above.push({ score, trueAnomalies, falseAlarms });
  });
  if (trueAnomalies === 0 || falseAlarms === 0) return null;
  return { anomalies: trueAnomalies, normals: falseAlarms, above };
}
