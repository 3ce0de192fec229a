// Numbers as they are shown.

// A minus sign, as wide as a plus.
const MINUS = "−";

export const NONE = "–";

export function countText(count: number): string {
  return count.toLocaleString("en");
}

export function shareText(share: number | null): string {
  return share === null ? NONE : share.toFixed(4);
}

// Four decimals, and near 0 and 1, where they would hide how near, one digit of what is left.
export function probabilityText(probability: number): string {
  const rest = Math.min(probability, 1 - probability);
  if (rest >= 0.001 || rest === 0) return probability.toFixed(4);
  if (probability < 0.5) return probability.toExponential(1).replace("-", MINUS);
  return rest < 0.00001 ? ">0.99999" : probability.toFixed(-Math.floor(Math.log10(rest)));
}

export function thresholdText(threshold: number): string {
  return String(Number(threshold.toPrecision(6)));
}

export function signedText(value: number, decimals: number): string {
  return `${value < 0 ? MINUS : "+"}${Math.abs(value).toFixed(decimals)}`;
}

export function numberText(value: number, decimals: number): string {
  return value.toFixed(decimals).replace("-", MINUS);
}
