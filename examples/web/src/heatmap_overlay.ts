// An image with a heatmap over the part that the network saw: crbl_runtime/heatmap_overlay.py.

import type { Prediction } from "./detector";
import type { RgbImage } from "./image_file/decode";
import type { Heatmap } from "./inference/session";
import { released, type Cv, type Mat } from "./preprocessing/opencv";
import type { Box } from "./preprocessing/region";

type Colour = readonly [number, number, number];

const TOWARDS_ANOMALY: Colour = [214, 24, 32];
const TOWARDS_NORMAL: Colour = [22, 92, 214];
const INK: Colour = [26, 26, 26];
const STRONGEST_TINT = 0.72;
const GREY_OF_SCALE = 175;

// A map of even cells, all in full colour, adds up to a logit of 8: a probability of 0.9997, or of 0.0003.
const FULL_COLOUR_LOGIT = 8;

// The longer side in pixels: smaller images are enlarged by a whole number, larger reduced.
const SMALLEST_SIDE = 480;
const LARGEST_SIDE = 800;

/** The contribution of a cell at which its colour is full. */
export function fullColour({ cells }: Heatmap): number {
  return FULL_COLOUR_LOGIT / cells.length;
}

/** The image, and where the model has a heatmap each cell as one flat tint over its part of the box, which is grey. */
export function drawOverlay(cv: Cv, image: RgbImage, { box, heatmap }: Prediction): HTMLCanvasElement {
  const scale = scaleOf(Math.max(image.width, image.height));
  const width = Math.max(Math.round(image.width * scale), 1);
  const height = Math.max(Math.round(image.height * scale), 1);
  const picture = new ImageData(width, height);
  released((owned) => {
    const pixels = owned(cv.matFromArray(image.height, image.width, cv.CV_8UC3, image.pixels));
    const resized: Mat = owned(new cv.Mat());
    const size = new cv.Size(width, height);
    cv.resize(pixels, resized, size, 0, 0, scale < 1 ? cv.INTER_AREA : cv.INTER_CUBIC);
    cv.cvtColor(resized, resized, cv.COLOR_RGB2RGBA);
    picture.data.set(resized.data as Uint8Array);
  });
  if (heatmap !== null) tintBox(picture, edges(box, scale, width, height), heatmap);
  return canvasOf(picture);
}

/** The colours from full blue over grey to full red. */
export function drawScale(width: number, height: number): HTMLCanvasElement {
  const picture = new ImageData(width, height);
  for (let x = 0; x < width; x++) {
    const tint = tintOf((2 * x) / (width - 1) - 1);
    for (let y = 0; y < height; y++) paint(picture.data, (y * width + x) * 4, GREY_OF_SCALE, tint);
  }
  return canvasOf(picture);
}

interface Tint {
  colour: Colour;
  /** 0 for none to 1 for the colour alone. */
  strength: number;
}

const OUTLINE: Tint = { colour: INK, strength: 1 };

/** Red where the share is above 0 and blue below; fully at 1. */
function tintOf(share: number): Tint {
  const strength = STRONGEST_TINT * Math.min(Math.abs(share), 1);
  return { colour: share > 0 ? TOWARDS_ANOMALY : TOWARDS_NORMAL, strength };
}

function tintBox({ data, width }: ImageData, box: Box, heatmap: Heatmap): void {
  const limit = fullColour(heatmap);
  const tints = Array.from(heatmap.cells, (cell) => tintOf(cell / limit));
  for (let y = 0; y < box.height; y++) {
    const firstOfRow = Math.floor((y * heatmap.rows) / box.height) * heatmap.columns;
    for (let x = 0; x < box.width; x++) {
      const isEdge = x === 0 || y === 0 || x === box.width - 1 || y === box.height - 1;
      const cell = firstOfRow + Math.floor((x * heatmap.columns) / box.width);
      const at = ((box.y + y) * width + box.x + x) * 4;
      paint(data, at, greyAt(data, at), isEdge ? OUTLINE : (tints[cell] as Tint));
    }
  }
}

/** A pixel as grey of less contrast, which colour shows on: 38 to 242. */
function greyAt(data: Uint8ClampedArray, at: number): number {
  const [red, green, blue] = [data[at], data[at + 1], data[at + 2]] as [number, number, number];
  return 0.8 * (0.299 * red + 0.587 * green + 0.114 * blue) + 38;
}

function paint(data: Uint8ClampedArray, at: number, grey: number, { colour, strength }: Tint): void {
  for (let channel = 0; channel < 3; channel++) {
    data[at + channel] = Math.round(grey + ((colour[channel] as number) - grey) * strength);
  }
  data[at + 3] = 255;
}

function scaleOf(side: number): number {
  return side > LARGEST_SIDE ? LARGEST_SIDE / side : Math.ceil(SMALLEST_SIDE / side);
}

/** The box in the scaled picture: at least one pixel of it. */
function edges(box: Box, scale: number, width: number, height: number): Box {
  const [x, right] = extent(box.x, box.width, scale, width);
  const [y, bottom] = extent(box.y, box.height, scale, height);
  return { x, y, width: right - x, height: bottom - y };
}

function extent(start: number, length: number, scale: number, side: number): [number, number] {
  const first = Math.min(Math.round(start * scale), side - 1);
  return [first, Math.max(Math.min(Math.round((start + length) * scale), side), first + 1)];
}

function canvasOf(picture: ImageData): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = picture.width;
  canvas.height = picture.height;
  canvas.getContext("2d", { willReadFrequently: true })?.putImageData(picture, 0, 0);
  return canvas;
}
