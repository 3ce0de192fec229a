// How many images have a logit in which range, by label.

import type { Labels } from "./confusion";

const BINS = 56;

export interface Bins {
  // Where each bin begins, and how wide it is.
  starts: number[];
  width: number;
  normal: number[];
  anomaly: number[];
  unlabelled: number[];
}

// Logits beyond the range are counted in its first or last bin.
export function binsOf(
  logits: readonly (number | null)[],
  labels: Labels | null,
  [low, high]: readonly [number, number],
): Bins {
  const width = (high - low) / BINS;
  const counts = { normal: zeros(), anomaly: zeros(), unlabelled: zeros() };
  logits.forEach((logit, image) => {
    if (logit === null) return;
    const bin = Math.min(BINS - 1, Math.max(0, Math.floor((logit - low) / width)));
    const label = labels?.[image] ?? null;
    counts[label === null ? "unlabelled" : label === 1 ? "anomaly" : "normal"][bin]! += 1;
  });
  return { starts: zeros().map((_, bin) => low + bin * width), width, ...counts };
}

function zeros(): number[] {
  return new Array<number>(BINS).fill(0);
}
