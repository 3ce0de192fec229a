// Which part of an image the network sees: crbl_runtime/region.py, by the same functions of OpenCV.

import type { RgbImage } from "../image_file/decode";
import type { Preprocessing } from "../model_file/contract";
import { released, type Cv, type Mat } from "./opencv";

/** In pixels of the whole image. */
export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Region {
  box: Box;
  /** False where there is no object, and the whole image stands in for it. */
  found: boolean;
}

/** The region that the model was trained on; `pixels` are those of the image, as a matrix. */
export function findRegion(cv: Cv, image: RgbImage, pixels: Mat, spec: Preprocessing): Region {
  if (spec.region === "object") return objectRegion(cv, image, pixels, spec.object_threshold, spec.object_bottom);
  if (spec.region === "border") return borderRegion(image, spec.border);
  return { box: wholeBox(image), found: true };
}

function wholeBox({ width, height }: RgbImage): Box {
  return { x: 0, y: 0, width, height };
}

/** All but the first rows and columns. */
function borderRegion(image: RgbImage, border: number): Region {
  if (image.height <= border || image.width <= border) return { box: wholeBox(image), found: false };
  const box = { x: border, y: border, width: image.width - border, height: image.height - border };
  return { box, found: true };
}

/** The bounding box of the largest dark object, one pixel inside its outline. */
function objectRegion(cv: Cv, image: RgbImage, pixels: Mat, darkestBackground: number, bottom: number | null): Region {
  const outline = largestOutline(cv, pixels, darkestBackground);
  const nothing = { box: wholeBox(image), found: false };
  if (outline === null) return nothing;
  const { x, y, width } = outline;
  const height = bottom !== null && y + outline.height > bottom ? bottom - y : outline.height;
  if (width <= 2 || height <= 2) return nothing;
  return { box: { x: x + 1, y: y + 1, width: width - 2, height: height - 2 }, found: true };
}

function largestOutline(cv: Cv, pixels: Mat, darkestBackground: number): Box | null {
  return released((owned) => {
    const mask = owned(new cv.Mat());
    cv.cvtColor(pixels, mask, cv.COLOR_RGB2GRAY);
    cv.threshold(mask, mask, darkestBackground, 255, cv.THRESH_BINARY_INV);
    const contours = owned(new cv.MatVector());
    const hierarchy = owned(new cv.Mat());
    cv.findContours(mask, contours, hierarchy, cv.RETR_EXTERNAL, cv.CHAIN_APPROX_SIMPLE);
    let largest = { area: -1, box: null as Box | null };
    for (let number = 0; number < contours.size(); number++) {
      const contour = contours.get(number);
      const area = cv.contourArea(contour);
      // Of two of one area the first.
      if (area > largest.area) largest = { area, box: cv.boundingRect(contour) };
      contour.delete();
    }
    return largest.box;
  });
}
