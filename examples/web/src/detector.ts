// A model that is ready to predict images: crbl_runtime/loaded_model.py for one image at a time.

import { PageError } from "./errors";
import type { RgbImage } from "./image_file/decode";
import { startModel, type RunningModel, type WantedProvider } from "./inference/execution_provider";
import type { Heatmap } from "./inference/session";
import type { Calibration } from "./model_file/contract";
import type { ModelFile } from "./model_file/model_file";
import { preparesAsExporter } from "./preprocessing/golden_image";
import type { Cv } from "./preprocessing/opencv";
import { prepare } from "./preprocessing/prepare";
import type { Box } from "./preprocessing/region";

export interface Detector extends RunningModel {
  model: ModelFile;
  /** Whether this browser prepares images as the machine did where the model was exported. */
  sameImages: boolean;
}

export interface Prediction {
  detector: Detector;
  /** Of an anomaly as the network gives it, 0 to 1: a score, which the threshold is compared with. */
  probability: number;
  logit: number;
  /** Among images like those that the model file was calibrated with; null where it was not calibrated. */
  calibratedProbability: number | null;
  isAnomaly: boolean;
  label: string;
  regionFound: boolean;
  box: Box;
  heatmap: Heatmap | null;
}

/** Throws a PageError where the model does not run here. */
export async function openDetector(cv: Cv, model: ModelFile, wanted: WantedProvider): Promise<Detector> {
  const sameImages = await preparesAsExporter(cv, model.contract);
  return { model, sameImages, ...(await startModel(model, wanted)) };
}

/** Throws a PageError where the network gives no number. */
export async function predict(cv: Cv, detector: Detector, image: RgbImage): Promise<Prediction> {
  const { contract, name } = detector.model;
  const { pixels, box, regionFound } = prepare(cv, image, contract.preprocessing);
  const { probability, logit, heatmap } = await detector.session.run(pixels);
  if (!Number.isFinite(probability) || !Number.isFinite(logit)) {
    throw new PageError((texts) => texts.notFinite(name, texts.provider[detector.provider]));
  }
  const isAnomaly = probability > contract.threshold;
  const calibratedProbability = contract.calibration && calibrated(contract.calibration, logit);
  const label = contract.labels[isAnomaly ? 1 : 0];
  return { detector, probability, logit, calibratedProbability, isAnomaly, label, regionFound, box, heatmap };
}

function calibrated({ slope, intercept }: Calibration, logit: number): number {
  return 1 / (1 + Math.exp(-(slope * logit + intercept)));
}
