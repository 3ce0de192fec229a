// A small JPEG whose prepared pixels every model file records: does this browser prepare images as the exporter did?
//
// golden_image.jpg is GOLDEN_IMAGE of crbl_runtime/golden_image.py.

import { decodeImage } from "../image_file/decode";
import type { Contract } from "../model_file/contract";
import { sha256 } from "../sha256";
import goldenImage from "./golden_image.jpg";
import type { Cv } from "./opencv";
import { prepare } from "./prepare";

const GOLDEN_SIZE = 64;

/** Whether the golden image gets the pixels here that it had where the model was exported. */
export async function preparesAsExporter(cv: Cv, contract: Contract): Promise<boolean> {
  const decoded = await decodeImage(goldenImage);
  const { pixels } = prepare(cv, decoded, { ...contract.preprocessing, image_size: GOLDEN_SIZE });
  return (await sha256(Uint8Array.from(pixels))) === contract.golden_image;
}
