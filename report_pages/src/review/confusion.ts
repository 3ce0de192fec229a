// How decisions compare with labels.

import { ANOMALY, NORMAL, NOT_PREDICTED, type Decisions } from "./decisions";

export type Label = 0 | 1;
export type Labels = readonly (Label | null)[];

export interface Confusion {
  trueNormal: number;
  falseAlarm: number;
  missedAnomaly: number;
  trueAnomaly: number;
}

// null: it would be 0 / 0.
export interface Metrics {
  precision: number | null;
  recall: number | null;
  f1: number | null;
  accuracy: number | null;
  falseAlarmRate: number | null;
}

// Of the images that are predicted and whose label is known.
export function confusionOf(decisions: Decisions, labels: Labels): Confusion {
  const counts = [0, 0, 0, 0];
  decisions.forEach((decision, image) => {
    const label = labels[image] ?? null;
    if (decision !== NOT_PREDICTED && label !== null) counts[2 * label + decision]! += 1;
  });
  const [trueNormal, falseAlarm, missedAnomaly, trueAnomaly] = counts as [number, number, number, number];
  return { trueNormal, falseAlarm, missedAnomaly, trueAnomaly };
}

export function metricsOf({ trueNormal, falseAlarm, missedAnomaly, trueAnomaly }: Confusion): Metrics {
  return {
    precision: ratio(trueAnomaly, trueAnomaly + falseAlarm),
    recall: ratio(trueAnomaly, trueAnomaly + missedAnomaly),
    f1: ratio(2 * trueAnomaly, 2 * trueAnomaly + falseAlarm + missedAnomaly),
    accuracy: ratio(trueNormal + trueAnomaly, trueNormal + falseAlarm + missedAnomaly + trueAnomaly),
    falseAlarmRate: ratio(falseAlarm, falseAlarm + trueNormal),
  };
}

export function countOf(decisions: Decisions, decision: typeof NORMAL | typeof ANOMALY): number {
  return decisions.reduce((count, each) => count + Number(each === decision), 0);
}

function ratio(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}
