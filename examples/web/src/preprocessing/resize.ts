// A region as the square that the network sees: crbl_runtime/bicubic.py and preprocessing.py, by OpenCV's own resize.

import type { Preprocessing } from "../model_file/contract";
import { released, type Cv, type Mat } from "./opencv";

/** uint8, 3 channels -> [image_size, image_size, 3], rows from the top. */
export function resizeRegion(cv: Cv, region: Mat, spec: Preprocessing): Uint8Array {
  if (spec.region !== "object") return resizeBicubic(cv, region, spec.image_size);
  return released((owned) => {
    const byArea = owned(new cv.Mat());
    const side = spec.object_size;
    cv.resize(region, byArea, new cv.Size(side, side), 0, 0, cv.INTER_AREA);
    return resizeBicubic(cv, byArea, spec.image_size);
  });
}

/**
 * Computed in float64 and rounded once, halves up: on uint8 OpenCV's builds give different values.
 *
 * One channel after the other, because float64 takes eight times the memory.
 */
function resizeBicubic(cv: Cv, pixels: Mat, side: number): Uint8Array {
  const square = new Uint8Array(side * side * 3);
  released((owned) => {
    const channels = owned(new cv.MatVector());
    cv.split(pixels, channels);
    for (let channel = 0; channel < 3; channel++) {
      resizeChannel(cv, channels.get(channel), side).forEach((value, index) => {
        square[index * 3 + channel] = Math.min(Math.max(Math.floor(value + 0.5), 0), 255);
      });
    }
  });
  return square;
}

/** Takes the channel's memory. */
function resizeChannel(cv: Cv, channel: Mat, side: number): Float64Array {
  return released((owned) => {
    const values = owned(channel);
    values.convertTo(values, cv.CV_64F);
    const resized = owned(new cv.Mat());
    cv.resize(values, resized, new cv.Size(side, side), 0, 0, cv.INTER_CUBIC);
    return (resized.data64F as Float64Array).slice();
  });
}
