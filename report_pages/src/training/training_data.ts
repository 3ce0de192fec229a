// What training/crbl_training/report/ writes. Names are those of metrics.json; a number that is not defined is null.

export type TrainingData = RunData | FoldsData;

interface Written {
  // Raised whenever a page of another version could not show the data.
  schema: 1;
  // Of CRBL.
  version: string;
  variant: "crop" | "full";
  // ISO 8601 with the zone: when the file was written, and when the work began.
  written: string;
  started: string;
  status: "running" | "finished" | "stopped";
  // Why it has ended before its time; null where somebody stopped it, or it has not.
  reason: string | null;
  folder: string;
  // What it was started with, and where; null where it was no command.
  command: string | null;
  working_folder: string;
}

export interface FoldsData extends Written {
  kind: "folds";
  // The report of each fold, relative to this one.
  reports: string[];
  // Of the folds that are done, in order.
  metrics: Record<MetricName, number | null>[];
  summary: Record<MetricName, { mean: number | null; std: number | null }> | null;
}

export interface RunData extends Written {
  kind: "run";
  options: Record<string, string | number | boolean | null>;
  // Why each better device is not used.
  rejected_devices: string[];
  provenance: Provenance;
  data: DataOverview;
  // Those that are done; 0 is the solved head.
  epochs: Epoch[];
  // How many of them an earlier process did, whose run this one went on with.
  epochs_before: number;
  solved_head: SolvedHead | null;
  result: Result | null;
}

export interface Provenance {
  recipe_name: string;
  recipe: { epochs: number; head_start: "random" | "solved"; best_by: string; early_stopping: number } & Record<
    string,
    unknown
  >;
  trainable: string;
  seed: number;
  device: string;
  device_check: string;
  processes: number;
  weights: string;
  train_data_hash: string;
  validation_data_hash: string;
  held_out_data_hash: string | null;
  versions: Record<string, string>;
}

export type Size = [width: number, height: number];

export interface DataOverview {
  // Side of what the network sees, in pixels, and the region that is cut out.
  image_size: number;
  region: "object" | "border" | "whole";
  validation_source: string;
  // Sentences on what was guessed and left out, as the command printed them.
  readings: string[];
  left_out: string[];
  training: SetCounts;
  validation: SetCounts;
  held_out: { normal: number; anomalous: number } | null;
  // Training images as the network sees them.
  examples: { normal: Example[]; anomalous: Example[] };
  // "none" where no augmented image is seen.
  augmentation: { name: string; views: { original: number; view: number; name: string }[] };
  duplicates: { identical: number; near_identical: number; pairs: Duplicate[] };
}

export interface SetCounts {
  normal: number;
  anomalous: number;
  kinds: { kind: string; images: number }[];
  // Images without an object, which were taken whole.
  regions_missing: number;
  // Messages of images that could not be used; the first of them.
  skipped: string[];
  skipped_in_all: number;
  // Of the files, as decoded; null where they are not known.
  sizes: { different: number; usual: Size; usual_images: number; smallest: Size; largest: Size } | null;
}

export interface Example {
  name: string;
  path: string;
  kind: string;
  // The number of a picture, see readPictures.
  picture: number;
}

export interface Duplicate {
  validation: string;
  training: string;
  // Bits of the perceptual hash that differ; null for equal pixels.
  distance: number | null;
  same_label: boolean;
  validation_picture: number;
  training_picture: number;
}

export interface Epoch {
  number: number;
  learning_rate: number;
  train_loss: number | null;
  // The threshold is that which training began with.
  validation: {
    threshold: number;
    loss: number | null;
    auroc: number | null;
    average_precision: number | null;
    accuracy: number | null;
  };
  // Whether it was the best so far.
  best: boolean;
  seconds: number;
}

export interface SolvedHead {
  images: number;
  landmarks: number | null;
  C: number;
  // 0 where nothing could be held out.
  folds: number;
  cross_validation: { C: number; mean_auroc: number | null; aurocs: (number | null)[]; mean_loss: number | null }[];
}

export const METRIC_NAMES = ["auroc", "average_precision", "accuracy", "precision", "recall", "f1"] as const;
export type MetricName = (typeof METRIC_NAMES)[number];
export type Interval = [low: number | null, high: number | null];

export interface Validation extends Record<MetricName, number | null> {
  images: number;
  threshold: number;
  true_normal: number;
  false_alarm: number;
  missed_anomaly: number;
  true_anomaly: number;
  intervals: Record<MetricName, Interval>;
  recall_by_kind?: { kind: string; images: number; found: number; recall: number; interval: Interval }[];
}

export interface Result {
  checkpoint: string;
  checkpoint_hash: string;
  best_epoch: number;
  validation: Validation;
  threshold_source: string;
  // null where the threshold was kept, and nothing is known of its choice.
  threshold_choice: {
    rule: string;
    defect_rate: number | null;
    threshold: number;
    interval: Interval;
    images: number;
  } | null;
  consequences: Consequences;
  // Counts of images in bins of the logit; one edge more than bins.
  histogram: { edges: number[]; normal: number[]; anomalous: number[] };
  reliability: { images: number; raw: Reliability; calibrated: Reliability | null; held_out: boolean | null };
  calibration: { method: string; slope: number; intercept: number; images: number; anomalies: number } | null;
  calibration_note: string | null;
  mistakes: {
    bias: number;
    false_alarms: Mistake[];
    false_alarms_in_all: number;
    missed_anomalies: Mistake[];
    missed_anomalies_in_all: number;
  };
  // Lines for a shell; in that of evaluate TEST_IMAGES stands for images where none are held out.
  next: { export: string; evaluate: string };
}

export interface Consequences {
  defect_rate: number;
  origin: string;
  costs: { missed_anomaly: number; false_alarm: number } | null;
  per_images: number;
  thresholds: {
    // "this threshold", or a rule.
    chosen_by: string;
    threshold: number;
    missed_anomalies: number;
    false_alarms: number;
    cost: number | null;
  }[];
}

export interface Reliability {
  brier: number | null;
  log_loss: number | null;
  calibration_error: number | null;
  bins: { images: number; anomalies: number; probability: number; share: number; low: number; high: number }[];
}

export interface Mistake {
  name: string;
  path: string;
  probability: number;
  logit: number;
  picture: number;
  // float32 (see floats), rows x columns; they add up to the logit less the bias.
  rows: number;
  columns: number;
  cells: string;
}
