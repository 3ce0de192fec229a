// From probabilities and thresholds to decisions, as crbl_runtime/decision.py.

export const NORMAL = 0;
export const ANOMALY = 1;
export const NOT_PREDICTED = -1;

// NORMAL, ANOMALY or NOT_PREDICTED for each image.
export type Decisions = Int8Array;

export function decisionsOf(probabilities: readonly (number | null)[], threshold: number): Decisions {
  return Int8Array.from(probabilities, (probability) => {
    if (probability === null) return NOT_PREDICTED;
    return probability > threshold ? ANOMALY : NORMAL;
  });
}

// An image is anomalous when any model finds it so.
export function anyAnomaly(ofModels: readonly Decisions[]): Decisions {
  const [first, ...others] = ofModels;
  if (first === undefined) throw new Error("There are no decisions.");
  return first.map((decision, image) => others.reduce((all, each) => together(all, each[image]!), decision));
}

function together(one: number, other: number): number {
  return one === NOT_PREDICTED || other === NOT_PREDICTED ? NOT_PREDICTED : Math.max(one, other);
}
