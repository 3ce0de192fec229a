// What crbl_runtime/report/review_data.py writes. Lists have an entry for each image, in one order.

export interface ReviewData {
  // Raised whenever a page of another version could not show the data.
  schema: 1;
  // Names this set of results: marks are kept in the browser under it.
  id: string;
  title: string;
  // When it was made, ISO 8601 with the zone, and the version of CRBL that made it.
  created: string;
  version: string;
  models: ModelData[];
  // The deepest folder that holds all images, with a separator at its end, or "" where there is none.
  folder: string;
  // Each path without that folder in front.
  paths: string[];
  // 0 normal, 1 anomaly, null not known; no list where no label is known at all.
  labels: (0 | 1 | null)[] | null;
  // The kind of anomaly, such as "scratch", or "".
  kinds: string[] | null;
  // Why an image could not be predicted, by its number. Such an image has no prediction in any model, and no picture.
  errors: Record<number, string>;
  // What must be known about how an image was read, by its number.
  notes: Record<number, string[]>;
  // [width, height] in pixels as decoded, [0, 0] where it could not be. The boxes of the models are in these pixels.
  sizes: [number, number][];
  // The number of each image's picture (see readPictures); -1 where there is none.
  pictures: number[];
  // The share of anomalies among images to come, and what mistakes cost, where somebody said so.
  defectRate: number | null;
  costs: { missedAnomaly: number; falseAlarm: number } | null;
  // Sentences about the whole set, such as images that were left out.
  remarks: string[];
}

export interface ModelData {
  variant: "crop" | "full";
  file: string;
  // The names of both decisions, normal first.
  labels: [string, string];
  threshold: number;
  thresholdSource: string;
  provider: string;
  // Why a better provider was not used.
  fallback: string | null;
  // An image is called anomalous when its probability is above the threshold. null: not predicted.
  probabilities: (number | null)[];
  logits: (number | null)[];
  calibrated: (number | null)[] | null;
  // [x, y, width, height] of what the network saw, in pixels of the decoded image.
  boxes: ([number, number, number, number] | null)[];
  // The numbers of images in which no object was found, so that the whole image was used.
  regionMissing: number[];
  // rows x columns cells for each image, float32 (see floats); zeros where it was not predicted. The
  // cells of an image add up to its logit less the bias. null: the model has no heatmap.
  heatmap: { rows: number; columns: number; cells: string } | null;
}
