// From decoded pixels to what the network is given for them.

import type { RgbImage } from "../image_file/decode";
import type { Preprocessing } from "../model_file/contract";
import { released, type Cv } from "./opencv";
import { findRegion, type Box } from "./region";
import { resizeRegion } from "./resize";

export interface PreparedImage {
  /** uint8 [image_size, image_size, 3], RGB. */
  pixels: Uint8Array;
  box: Box;
  regionFound: boolean;
}

export function prepare(cv: Cv, image: RgbImage, spec: Preprocessing): PreparedImage {
  return released((owned) => {
    const pixels = owned(cv.matFromArray(image.height, image.width, cv.CV_8UC3, image.pixels));
    const { box, found } = findRegion(cv, image, pixels, spec);
    const region = owned(pixels.roi(new cv.Rect(box.x, box.y, box.width, box.height)));
    return { pixels: resizeRegion(cv, region, spec), box, regionFound: found };
  });
}
