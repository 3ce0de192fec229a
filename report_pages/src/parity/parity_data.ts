// What crbl_export/parity/report_page/page_data.py writes. Lists have an entry for each image, in one order, and null
// for what is not a number.

export interface ParityData {
  // Raised whenever a page of another version could not show the data.
  schema: 1;
  // When it was made, ISO 8601 with the zone, and the version of CRBL that made it.
  created: string;
  version: string;
  passed: boolean;
  model: {
    file: string;
    // In bytes.
    size: number;
    sha256: string;
    payloadSha256: string;
    variant: "crop" | "full";
    precision: string;
    opset: number;
    threshold: number;
    thresholdSource: string;
    // The names of both decisions, normal first.
    labels: [string, string];
  };
  // The hash is over the weights and not over the file, of which there are two.
  checkpoint: { file: string; sha256: string };
  images: ImagesData;
  // The CPU first.
  providers: ProviderData[];
  providerStates: { kind: string; state: ProviderState; reason: string }[];
  // What rounding the weights to half precision changed, in a file that stores them so.
  rounding: { error: number; flips: number } | null;
  machine: string;
  // Where the model was trained, where it was exported, and where this page was made.
  versions: { package: string; trained: string | null; exported: string | null; here: string | null }[];
  commands: { again: string; json: string; verify: string };
  // What crbl-parity prints, line by line.
  printed: string[];
}

export type ProviderState = "compared" | "not started" | "not asked for" | "not here";

export interface ImagesData {
  // Where they come from, in words; and whether they are made by formula and no real ones.
  source: string;
  made: boolean;
  sha256: string;
  unreadable: string[];
  leftOut: string[];
  names: string[];
  // Of PyTorch in float64.
  logits: (number | null)[];
  probabilities: (number | null)[];
  decisions: boolean[];
  // The numbers of the pictures (see readPictures) by the numbers of the images that have one.
  pictures: Record<number, number>;
}

export interface ProviderData {
  report: Report;
  // The provider with the number of its device.
  device: string;
  thresholdLogit: number | null;
  // Of the model file.
  logits: (number | null)[];
  probabilities: (number | null)[];
  decisions: boolean[];
  // How far the float64 logits are from the threshold.
  distances: (number | null)[];
  // |Differences| of the logits of the model file, and of float32 PyTorch, from float64 PyTorch.
  errors: (number | null)[];
  torchErrors: (number | null)[];
  histogram: {
    // Decimal logarithms, one more than there are bins.
    edges: number[];
    onnx: number[];
    torch: number[];
    zero: { onnx: number; torch: number };
    notFinite: { onnx: number; torch: number };
  };
  quantiles: { share: number; onnx: number | null; torch: number | null }[];
  // Numbers of images, the most telling first.
  shown: { largestErrors: number[]; flips: number[]; flipsWithinMargin: number[]; nearest: number[] };
}

// As crbl-parity --json prints it.
export interface Report {
  provider: string;
  onnxruntime: string;
  images: number;
  threshold: number;
  error_torch: number | null;
  error_onnx: number | null;
  limit: number | null;
  median_error_torch: number | null;
  median_error_onnx: number | null;
  median_limit: number | null;
  margin: number | null;
  worst_image: string;
  flips: number;
  flips_within_margin: number;
  max_flips: number;
  failures: string[];
  divergence: Divergence | null;
  passed: boolean;
}

export interface Divergence {
  node: string;
  operator: string;
  pytorch: string;
  error_before: number | null;
  error_after: number | null;
  position: number[];
  value_onnx: number | null;
  value_reference: number | null;
  cause: string;
}
