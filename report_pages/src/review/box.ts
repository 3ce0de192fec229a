// Where the network looked, in shares of the image.

import type { ReviewData } from "./review_data";

export type BoxStyle = Record<"left" | "top" | "width" | "height", string>;

export function boxStyle(data: ReviewData, model: number, image: number): BoxStyle | null {
  const [width, height] = data.sizes[image] ?? [0, 0];
  const box = data.models[model]?.boxes[image] ?? null;
  if (box === null || width === 0 || height === 0) return null;
  const [x, y, boxWidth, boxHeight] = box;
  const share = (part: number, whole: number) => `${(100 * part) / whole}%`;
  return { left: share(x, width), top: share(y, height), width: share(boxWidth, width), height: share(boxHeight, height) };
}
