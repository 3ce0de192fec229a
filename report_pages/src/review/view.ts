// Which images are shown, and in which order.

import type { Label, Labels } from "./confusion";
import { ANOMALY, NORMAL, NOT_PREDICTED, type Decisions } from "./decisions";
import { logOddsOf } from "./log_odds";
import type { Marks } from "./marks";
import { searchableText, type ReviewSet } from "./review_set";

export const GROUPS = ["all", "anomalies", "normal", "mistakes", "near", "unreadable", "marked", "unmarked"] as const;
export type Group = (typeof GROUPS)[number];

// "combined", "near", "wrong" and "name", or the number of a model whose scores they are.
export type Order = "combined" | "near" | "wrong" | "name" | number;

export interface View {
  group: Group;
  // null: all folders, all kinds.
  folder: string | null;
  kind: string | null;
  text: string;
  order: Order;
  reversed: boolean;
}

export const EVERYTHING: View = {
  group: "all",
  folder: null,
  kind: null,
  text: "",
  order: "combined",
  reversed: false,
};

// What a view is chosen by, as it is at the present thresholds.
export interface Situation {
  set: ReviewSet;
  decisions: Decisions;
  margins: Float64Array;
  marks: Marks;
}

// In log odds: the odds are at most 2.7 times those of the threshold.
export const NEAR = 1;

// How far each image is above its thresholds, in log odds, by the model that is most for an anomaly; NaN for none.
export function marginsOf(set: ReviewSet, thresholds: readonly number[]): Float64Array {
  const limits = thresholds.map(logOddsOf);
  return Float64Array.from(set.data.paths, (_, image) =>
    set.models.reduce((largest, { data }, model) => {
      const logit = data.logits[image] ?? null;
      return logit === null ? NaN : Math.max(largest, logit - limits[model]!);
    }, -Infinity),
  );
}

export function isIn(group: Group, image: number, situation: Situation): boolean {
  const { set, decisions, margins, marks } = situation;
  switch (group) {
    case "all":
      return true;
    case "anomalies":
      return decisions[image] === ANOMALY;
    case "normal":
      return decisions[image] === NORMAL;
    case "mistakes":
      return isMistake(decisions[image]!, knownLabel(set.labels, marks, image));
    case "near":
      return Math.abs(margins[image]!) <= NEAR;
    case "unreadable":
      return image in set.data.errors;
    case "marked":
      return marks.has(image);
    case "unmarked":
      return decisions[image] !== NOT_PREDICTED && !marks.has(image);
  }
}

export function countsOf(situation: Situation): Record<Group, number> {
  const counts = Object.fromEntries(GROUPS.map((group) => [group, 0])) as Record<Group, number>;
  for (let image = 0; image < situation.decisions.length; image += 1) {
    for (const group of GROUPS) counts[group] += Number(isIn(group, image, situation));
  }
  return counts;
}

// A label that came with the data goes before a mark, so that marking a mistake does not take it from the list.
export function knownLabel(labels: Labels | null, marks: Marks, image: number): Label | null {
  return labels?.[image] ?? marks.get(image) ?? null;
}

export function isMistake(decision: number, label: Label | null): boolean {
  return decision !== NOT_PREDICTED && label !== null && decision !== label;
}

// All images in the order of the view; those without a prediction come last.
export function ordered(set: ReviewSet, margins: Float64Array, order: Order, reversed: boolean): number[] {
  const numbers = set.data.paths.map((_, image) => image);
  const direction = reversed ? -1 : 1;
  if (order === "name") {
    const compare = new Intl.Collator(undefined, { numeric: true }).compare;
    return numbers.sort((one, other) => direction * compare(set.searchable[one]!, set.searchable[other]!));
  }
  const keys = Float64Array.from(numbers, (image) => keyOf(set, margins, order, image));
  return numbers.sort((one, other) => {
    const [first, second] = [keys[one]!, keys[other]!];
    if (Number.isNaN(first) || Number.isNaN(second)) return Number(Number.isNaN(first)) - Number(Number.isNaN(second));
    return direction * (second - first) || one - other;
  });
}

// The largest first.
function keyOf(set: ReviewSet, margins: Float64Array, order: Exclude<Order, "name">, image: number): number {
  const margin = margins[image]!;
  if (order === "combined") return margin;
  if (order === "near") return -Math.abs(margin);
  if (order !== "wrong") return set.models[order]?.data.logits[image] ?? NaN;
  const label = set.labels?.[image] ?? null;
  return label === null ? NaN : label === 1 ? -margin : margin;
}

export function shownImages(inOrder: readonly number[], view: View, situation: Situation): number[] {
  const { set } = situation;
  const text = searchableText(view.text.trim());
  return inOrder.filter(
    (image) =>
      isIn(view.group, image, situation) &&
      (view.folder === null || set.folderOf[image] === view.folder) &&
      (view.kind === null || set.data.kinds?.[image] === view.kind) &&
      (text === "" || set.searchable[image]!.includes(text)),
  );
}
