// Numbers as crbl-parity prints them, so that the two can be compared.

// What stands for a number that is NaN or infinite.
export const NOT_A_NUMBER = "NaN";

// 3.49e-05, as Python's format ".2e" has it.
export function errorText(error: number | null): string {
  if (error === null) return NOT_A_NUMBER;
  return exponential(error, 2);
}

export function logitText(logit: number | null): string {
  return logit === null ? NOT_A_NUMBER : logit.toFixed(6);
}

// Six decimals, or four digits that count where that would hide them.
export function probabilityText(probability: number | null): string {
  if (probability === null) return NOT_A_NUMBER;
  return probability > 0 && probability < 1e-3 ? exponential(probability, 3) : probability.toFixed(6);
}

// Of logits from the threshold.
export function distanceText(distance: number | null): string {
  return distance === null || distance < 1e-2 ? errorText(distance) : distance.toFixed(3);
}

// Up to seven digits that count, without zeros at the end.
export function valueText(value: number | null): string {
  return value === null ? NOT_A_NUMBER : String(Number(value.toPrecision(7)));
}

// Two digits in the exponent, as in Python.
function exponential(value: number, decimals: number): string {
  return value.toExponential(decimals).replace(/e([+-])(\d)$/, "e$10$2");
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
