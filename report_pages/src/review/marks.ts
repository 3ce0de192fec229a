// The labels that a person gives by marking decisions as right or wrong, kept in the browser.

import type { Label } from "./confusion";

// By the number of the image.
export type Marks = ReadonlyMap<number, Label>;

export type Problem = "forbidden" | "unreadable";

export interface Stored {
  marks: Marks;
  problem: Problem | null;
}

// The label that "right" or "wrong" implies; it stays when a threshold is moved and the decision changes.
export function impliedLabel(decision: Label, right: boolean): Label {
  return right ? decision : decision === 1 ? 0 : 1;
}

export function loadMarks(id: string): Stored {
  let text: string | null;
  try {
    text = localStorage.getItem(keyOf(id));
  } catch {
    return { marks: new Map(), problem: "forbidden" };
  }
  const marks = text === null ? new Map<number, Label>() : parsed(text);
  return marks === null ? { marks: new Map(), problem: "unreadable" } : { marks, problem: null };
}

// Whether they are kept: browsers may forbid a page from disk to keep anything, or have no room.
export function storeMarks(id: string, marks: Marks): boolean {
  try {
    localStorage.setItem(keyOf(id), JSON.stringify([...marks]));
    return true;
  } catch {
    return false;
  }
}

export function keyOf(id: string): string {
  return `crbl-marks-${id}`;
}

function parsed(text: string): Map<number, Label> | null {
  try {
    const entries: unknown = JSON.parse(text);
    return Array.isArray(entries) && entries.every(isEntry) ? new Map(entries) : null;
  } catch {
    return null;
  }
}

function isEntry(entry: unknown): entry is [number, Label] {
  return Array.isArray(entry) && Number.isInteger(entry[0]) && (entry[1] === 0 || entry[1] === 1);
}
