// Numbers as they are shown.

// A minus sign, as wide as a plus.
const MINUS = "−";

export const NONE = "–";

export function shareText(share: number | null): string {
  return share === null ? NONE : share.toFixed(4);
}

// Four decimals, and near 0 and 1, where that would hide how near, two digits of what is left.
export function probabilityText(probability: number): string {
  const rest = Math.min(probability, 1 - probability);
  if (rest >= 0.001 || rest === 0) return probability.toFixed(4);
  if (probability < 0.5) return probability.toExponential(1).replace("-", MINUS);
  return probability.toFixed(Math.min(1 - Math.floor(Math.log10(rest)), 12));
}

export function signedText(value: number, decimals: number): string {
  return `${value < 0 ? MINUS : "+"}${Math.abs(value).toFixed(decimals)}`;
}

export function numberText(value: number, decimals: number): string {
  return value.toFixed(decimals).replace("-", MINUS);
}
