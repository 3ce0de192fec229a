// Labelled images as the table that `crbl-train --data` takes, written as crbl_runtime/csv_file.py writes tables.

import type { Label } from "./confusion";

export interface LabelledImage {
  path: string;
  label: Label;
}

// What spreadsheet programs need to take a file for UTF-8.
const BYTE_ORDER_MARK = "\ufeff";
// A cell that begins so is a formula to them, and is run.
const FORMULA_STARTS = ["=", "+", "-", "@"];
const HEADER = "image_path,impurity";

export function csvOf(images: readonly LabelledImage[]): string {
  const lines = images.map(({ path, label }) => `${quoted(pathText(path))},${label}`);
  return `${BYTE_ORDER_MARK}${[HEADER, ...lines].join("\n")}\n`;
}

// A path as a table holds it: see `path_text` in crbl_runtime/csv_file.py, which tells the reasons.
export function pathText(path: string): string {
  const escaped = path
    .replace(/\\(?=u(?:d[89a-f][0-9a-f]{2}|005c))/g, "\\u005c")
    // A half of a pair alone: a byte of the name that is no UTF-8.
    .replace(/\p{Surrogate}/gu, (half) => `\\u${half.charCodeAt(0).toString(16)}`);
  return FORMULA_STARTS.some((start) => escaped.startsWith(start)) ? `./${escaped}` : escaped;
}

function quoted(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
