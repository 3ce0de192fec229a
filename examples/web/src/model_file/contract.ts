// The contract in a model file: everything a program must know to use it. Its names are those of the file's JSON.
//
// The file's hash is over all of it, so what is checked here is that this page knows what the file asks for.

import { ModelFileError } from "../errors";

const KNOWN_VERSIONS = [3, 4];
const KEYS = [
  "calibration",
  "export",
  "golden_image",
  "labels",
  "parity",
  "payload_sha256",
  "precision",
  "preprocessing",
  "preprocessing_hash",
  "schema_version",
  "self_test",
  "threshold",
  "threshold_source",
  "training",
  "variant",
];
const PREPROCESSING_KEYS = [
  "arithmetic",
  "bit_depth",
  "border",
  "channel_order",
  "divisor",
  "fast_decode",
  "image_size",
  "mean",
  "object_bottom",
  "object_size",
  "object_threshold",
  "region",
  "std",
];
const ARITHMETIC = "cubic-float64";

export type Variant = "crop" | "full";

/** What stands between an image and the network; see PreprocessingSpec of crbl_runtime/preprocessing.py. */
export interface Preprocessing {
  region: "object" | "border" | "whole";
  image_size: number;
  object_threshold: number;
  object_bottom: number | null;
  object_size: number;
  border: number;
}

/** How a logit becomes a probability that was fitted to labelled images. No decision is made from it. */
export interface Calibration {
  slope: number;
  intercept: number;
}

export interface Contract {
  variant: Variant;
  /** An image is anomalous when its probability is greater than this, 0 to 1. */
  threshold: number;
  /** The names of the two decisions: not anomalous, anomalous. */
  labels: [string, string];
  preprocessing: Preprocessing;
  self_test: { logits: number[]; tolerance: number };
  /** SHA-256 of the golden image's pixels, prepared where the file was exported. */
  golden_image: string;
  payload_sha256: string;
  calibration: Calibration | null;
}

/** The contract that crbl-export wrote. Throws a ModelFileError where it is of another version, or contradicts itself. */
export function parseContract(text: string, name: string): Contract {
  const values = parsed(text, name);
  const version = values["schema_version"];
  if (!KNOWN_VERSIONS.includes(version as number)) {
    const given = JSON.stringify(version) ?? "undefined";
    throw new ModelFileError((texts) => texts.unknownContract(name, given, KNOWN_VERSIONS.join(", ")));
  }
  if (version === 3) values["calibration"] = null;
  const finding = findings(values).next().value;
  if (finding) throw new ModelFileError((texts) => texts.damagedContract(name, finding));
  if ((values["preprocessing"] as Record<string, unknown>)["fast_decode"]) {
    throw new ModelFileError((texts) => texts.fastDecode(name));
  }
  return values as unknown as Contract;
}

function parsed(text: string, name: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ModelFileError((texts) => texts.damagedContract(name, (error as Error).message));
  }
  if (!isRecord(value)) throw new ModelFileError((texts) => texts.damagedContract(name, text.slice(0, 40)));
  return value;
}

/** What is wrong with a contract, one value at a time, as it is written in the file. */
function* findings(values: Record<string, unknown>): Generator<string, undefined> {
  yield* keyFindings(values, KEYS);
  const { preprocessing, self_test: selfTest, calibration } = values;
  if (!isRecord(preprocessing)) return yield shown(values, "preprocessing");
  yield* keyFindings(preprocessing, PREPROCESSING_KEYS);
  yield* preprocessingFindings(preprocessing);
  if (values["variant"] !== "crop" && values["variant"] !== "full") yield shown(values, "variant");
  if (!isNumber(values["threshold"], 0, 1)) yield shown(values, "threshold");
  if (!isTwoTexts(values["labels"])) yield shown(values, "labels");
  if (typeof values["golden_image"] !== "string") yield shown(values, "golden_image");
  if (!isSelfTest(selfTest)) yield shown(values, "self_test");
  if (calibration !== null && !isCalibration(calibration)) yield shown(values, "calibration");
  return undefined;
}

function* keyFindings(values: Record<string, unknown>, expected: string[]): Generator<string> {
  const missing = expected.filter((key) => !(key in values));
  const unknown = Object.keys(values).filter((key) => !expected.includes(key));
  if (missing.length > 0) yield `${missing.join(", ")}: undefined`;
  for (const key of unknown) yield shown(values, key);
}

function* preprocessingFindings(values: Record<string, unknown>): Generator<string> {
  if (!["object", "border", "whole"].includes(values["region"] as string)) yield shown(values, "region");
  if (values["arithmetic"] !== ARITHMETIC) yield shown(values, "arithmetic");
  if (!isInteger(values["image_size"], 32, 4096)) yield shown(values, "image_size");
  if (!isInteger(values["object_threshold"], 0, 255)) yield shown(values, "object_threshold");
  if (values["object_bottom"] !== null && !isInteger(values["object_bottom"], 1, 2 ** 31)) {
    yield shown(values, "object_bottom");
  }
  if (!isInteger(values["object_size"], 1, 4096)) yield shown(values, "object_size");
  if (!isInteger(values["border"], 0, 2 ** 31)) yield shown(values, "border");
  if (typeof values["fast_decode"] !== "boolean") yield shown(values, "fast_decode");
}

function isSelfTest(value: unknown): boolean {
  if (!isRecord(value) || !Array.isArray(value["logits"]) || value["logits"].length !== 4) return false;
  return value["logits"].every((logit) => isNumber(logit)) && isNumber(value["tolerance"], 0);
}

function isCalibration(value: unknown): boolean {
  return isRecord(value) && isNumber(value["slope"], 0) && value["slope"] !== 0 && isNumber(value["intercept"]);
}

function isTwoTexts(value: unknown): boolean {
  return Array.isArray(value) && value.length === 2 && value.every((label) => typeof label === "string");
}

function isNumber(value: unknown, low = -Infinity, high = Infinity): boolean {
  return typeof value === "number" && Number.isFinite(value) && low <= value && value <= high;
}

function isInteger(value: unknown, low: number, high: number): boolean {
  return isNumber(value, low, high) && Number.isInteger(value);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function shown(values: Record<string, unknown>, key: string): string {
  return `${key}: ${(JSON.stringify(values[key]) ?? "undefined").slice(0, 60)}`;
}
