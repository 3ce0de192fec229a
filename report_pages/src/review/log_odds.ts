// The log odds ln(p / (1 - p)) of probabilities: the scale of logits, on which 0.01 is as far from 0.001 as 0.1 is.

// Beyond any logit of float32 probabilities; keeps a threshold of 0 or 1 a number to reckon with.
const FURTHEST = 200;
const SIGNIFICANT_DIGITS = 3;
const MOST_DECIMALS = 100;

export function logOddsOf(probability: number): number {
  if (probability <= 0) return -FURTHEST;
  if (probability >= 1) return FURTHEST;
  return Math.log(probability) - Math.log1p(-probability);
}

export function probabilityOf(logOdds: number): number {
  return 1 / (1 + Math.exp(-logOdds));
}

// The probability in so few digits that it can be read, and that the next step of a slider is another one.
export function roundedProbability(logOdds: number): number {
  const fromEnd = probabilityOf(-Math.abs(logOdds));
  const decimals = SIGNIFICANT_DIGITS - 1 - Math.floor(Math.log10(fromEnd));
  return Number(probabilityOf(logOdds).toFixed(Math.min(decimals, MOST_DECIMALS)));
}
