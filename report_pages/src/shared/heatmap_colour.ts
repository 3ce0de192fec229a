// The colours and the scale of crbl_runtime/heatmap_overlay.py: those of every image compare with each other.

const TOWARDS_ANOMALY = "214 24 32";
const TOWARDS_NORMAL = "22 92 214";
const STRONGEST_TINT = 0.72;
const FULL_COLOUR_LOGIT = 8;

// The contribution of a cell at which its colour is full.
export function fullColour(cells: number): number {
  return FULL_COLOUR_LOGIT / cells;
}

// Red where a cell speaks for an anomaly, blue where against it, the stronger the more.
export function cellColour(contribution: number, cells: number): string {
  const share = Math.min(1, Math.abs(contribution) / fullColour(cells));
  const colour = contribution > 0 ? TOWARDS_ANOMALY : TOWARDS_NORMAL;
  return `rgb(${colour} / ${(STRONGEST_TINT * share).toFixed(3)})`;
}
