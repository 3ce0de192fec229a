// The data of the page with what is reckoned from it once.

import { floats } from "../shared/float32";
import type { Labels } from "./confusion";
import { curvesOf, type Curves } from "./curves";
import { logOddsOf } from "./log_odds";
import type { ModelData, ReviewData } from "./review_data";
import { scoredImages, type ScoredImages } from "./scored_images";

export interface Model {
  data: ModelData;
  // By probability, which thresholds are compared with.
  scored: ScoredImages | null;
  // By logit, in which float32 tells more images apart. null: no label is known, or those that are are of one class.
  curves: Curves | null;
  // What a slider and the histogram reach from and to.
  logOddsRange: [number, number];
  // The cells of one image, rows first; null where there are none.
  cellsOf: (image: number) => Float32Array | null;
}

export interface ReviewSet {
  data: ReviewData;
  models: Model[];
  labels: Labels | null;
  // Of images with a label and a prediction; null where none has both.
  labelled: number;
  // The share of anomalies among these.
  defectRate: number | null;
  // The address of an image's picture; null where there is none.
  pictureOf: (image: number) => string | null;
  pathOf: (image: number) => string;
  // The folder of each image below the one that all share, and all there are.
  folderOf: string[];
  folders: string[];
  kinds: string[];
  // Each path below the shared folder, so that it can be searched whatever the case and Unicode's form.
  searchable: string[];
}

const SMALLEST_RANGE: [number, number] = [-7, 7];
// Where float32 probabilities end.
const FURTHEST = 70;

export function reviewSet(data: ReviewData, picture: (number: number) => string): ReviewSet {
  const labels = data.labels;
  const folderOf = data.paths.map((path) => path.slice(0, path.lastIndexOf(separatorOf(data.folder)) + 1));
  const labelled = labels === null ? [] : labels.filter((label, image) => label !== null && isPredicted(data, image));
  return {
    data,
    models: data.models.map((model) => modelOf(model, labels)),
    labels,
    labelled: labelled.length,
    defectRate: labelled.length === 0 ? null : labelled.filter((label) => label === 1).length / labelled.length,
    pictureOf: (image) => {
      const number = data.pictures[image] ?? -1;
      return number < 0 ? null : picture(number);
    },
    pathOf: (image) => data.folder + data.paths[image],
    folderOf,
    folders: sorted(folderOf),
    kinds: sorted(data.kinds ?? []).filter((kind) => kind !== ""),
    searchable: data.paths.map(searchableText),
  };
}

export function searchableText(text: string): string {
  return text.normalize("NFC").toLowerCase();
}

export function isPredicted(data: ReviewData, image: number): boolean {
  return data.models.every((model) => typeof model.probabilities[image] === "number");
}

function modelOf(data: ModelData, labels: Labels | null): Model {
  const byLogit = labels === null ? null : scoredImages(data.logits, labels);
  return {
    data,
    scored: labels === null ? null : scoredImages(data.probabilities, labels),
    curves: byLogit === null ? null : curvesOf(byLogit),
    logOddsRange: rangeOf(data),
    cellsOf: cellsOf(data),
  };
}

function rangeOf({ logits, threshold }: ModelData): [number, number] {
  let [low, high] = SMALLEST_RANGE;
  for (const logit of [...logits, logOddsOf(threshold)]) {
    if (logit === null) continue;
    low = Math.min(low, Math.floor(logit) - 1);
    high = Math.max(high, Math.ceil(logit) + 1);
  }
  return [Math.max(low, -FURTHEST), Math.min(high, FURTHEST)];
}

function cellsOf({ heatmap, logits }: ModelData): (image: number) => Float32Array | null {
  if (heatmap === null) return () => null;
  const cells = floats(heatmap.cells);
  const size = heatmap.rows * heatmap.columns;
  return (image) => (logits[image] === null ? null : cells.subarray(image * size, (image + 1) * size));
}

// On Windows images on several drives share no folder.
function separatorOf(folder: string): string {
  return folder === "" ? "\\" : folder.slice(-1);
}

function sorted(texts: readonly string[]): string[] {
  return [...new Set(texts)].sort((one, other) => one.localeCompare(other));
}
