// Images made by formula, the same on every machine, for which a model file records its logits: crbl_runtime/self_test.py.

import type { Contract } from "../model_file/contract";

export const IMAGES = 4;

/** uint8 [4, size, size, 3]: a mottled grain on a light ground, each mottled more finely than the last. */
export function selfTestImages(size: number): Uint8Array[] {
  return Array.from({ length: IMAGES }, (_, number) => selfTestImage(size, number));
}

/** The largest |difference| of these logits from those that the file records; NaN where one is not a number. */
export function selfTestError(logits: number[], contract: Contract): number {
  return Math.max(...contract.self_test.logits.map((expected, index) => Math.abs((logits[index] ?? NaN) - expected)));
}

function selfTestImage(size: number, number: number): Uint8Array {
  const image = new Uint8Array(size * size * 3);
  const unit = size * 16;
  const radius = Math.floor((unit * (11 + number)) / 18);
  const coarseSpacing = Math.max(Math.floor(size / (4 + 3 * number)), 2);
  const fineSpacing = Math.max(Math.floor(size / 40), 2);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const inside = distance(x, y, size) < radius * radius;
      const coarse = mottle(x, y, coarseSpacing, number);
      for (let channel = 0; channel < 3; channel++) {
        const fine = mottle(x, y, fineSpacing, number + 10 * channel + 100);
        const grain = 35 + 12 * channel + Math.floor((coarse * 90) / 255) + Math.floor((fine * 30) / 255);
        const ground = 228 + Math.floor((fine * 18) / 255) - 2 * channel;
        image[(y * size + x) * 3 + channel] = inside ? grain : ground;
      }
    }
  }
  return image;
}

/** A squared distance from the middle, along the axes of a tilted ellipse. */
function distance(x: number, y: number, size: number): number {
  const unit = size * 16;
  const across = (2 * x - size) * 16 - Math.floor(unit / 9);
  const along = (2 * y - size) * 16 + Math.floor(unit / 13);
  return Math.floor((across * across * 5) / 4) + along * along + Math.floor((across * along) / 3);
}

/** 0 to 255: pseudo-random values on a lattice, interpolated between its points. */
function mottle(x: number, y: number, spacing: number, seed: number): number {
  const column = Math.floor(x / spacing);
  const row = Math.floor(y / spacing);
  const right = x % spacing;
  const down = y % spacing;
  const top = hash(column, row, seed) * (spacing - right) + hash(column + 1, row, seed) * right;
  const bottom = hash(column, row + 1, seed) * (spacing - right) + hash(column + 1, row + 1, seed) * right;
  return Math.floor((top * (spacing - down) + bottom * down) / (spacing * spacing));
}

function hash(column: number, row: number, seed: number): number {
  let mixed = (Math.imul(column, 73856093) ^ Math.imul(row, 19349663) ^ Math.imul(seed, 83492791)) >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 15), 739982445) >>> 0;
  return ((mixed ^ (mixed >>> 12)) >>> 8) & 0xff;
}
