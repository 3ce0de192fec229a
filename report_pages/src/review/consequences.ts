// What a threshold means for images to come, as training/crbl_training/evaluation/consequences.py reckons it.

import { metricsOf, type Confusion } from "./confusion";

export const PER_IMAGES = 1000;

export interface Costs {
  missedAnomaly: number;
  falseAlarm: number;
}

// What is reckoned with: the share of anomalies among the images to come, and what mistakes cost, where it is known.
export interface Assumptions {
  defectRate: number;
  costs: Costs | null;
}

// Of 1,000 images. null: it cannot be known, because the labelled images lack a class or nobody gave the costs.
export interface Consequences {
  missedAnomalies: number | null;
  falseAlarms: number | null;
  cost: number | null;
}

export function consequencesOf(confusion: Confusion, { defectRate, costs }: Assumptions): Consequences {
  const { recall, falseAlarmRate } = metricsOf(confusion);
  const missedAnomalies = recall === null ? null : PER_IMAGES * defectRate * (1 - recall);
  const falseAlarms = falseAlarmRate === null ? null : PER_IMAGES * (1 - defectRate) * falseAlarmRate;
  const known = missedAnomalies !== null && falseAlarms !== null && costs !== null;
  const cost = known ? missedAnomalies * costs.missedAnomaly + falseAlarms * costs.falseAlarm : null;
  return { missedAnomalies, falseAlarms, cost };
}
