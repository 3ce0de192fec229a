// Numbers as people read them; a number that is not defined is a dash. The exact one is in the element's value.

import type { Interval } from "./training_data";

export const DASH = "–";

// With a number of digits after the point.
export function Decimal({ value, digits = 4 }: { value: number | null; digits?: number }) {
  return value === null ? <>{DASH}</> : <data value={value}>{value.toFixed(digits)}</data>;
}

// With so many digits in all that matter: 0.5, 0.01971, 1e-30.
export function Significant({ value, digits = 4 }: { value: number | null; digits?: number }) {
  return value === null ? <>{DASH}</> : <data value={value}>{significant(value, digits)}</data>;
}

export function Range({ value, digits = 4 }: { value: Interval; digits?: number }) {
  return (
    <span class="range">
      <Decimal value={value[0]} digits={digits} /> – <Decimal value={value[1]} digits={digits} />
    </span>
  );
}

export function significant(value: number, digits = 4): string {
  return String(Number(value.toPrecision(digits)));
}

// Four digits, and never a 0 or a 1 that is none.
export function probabilityText(value: number): string {
  if (value > 0 && value < 0.0001) return value.toExponential(1);
  return value > 0.9999 && value < 1 ? "> 0.9999" : value.toFixed(4);
}

export function percent(share: number): string {
  return `${significant(100 * share, 3)} %`;
}
