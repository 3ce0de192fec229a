// What is transparent becomes white. Browsers multiply colours with their alpha and divide them again before a program
// sees them, and not all of them round so that the colour on white stays what it was.

import { decodeInBrowser, type Rgba } from "./browser_decoder";
// 256 x 256 pixels, grey with alpha: from left to right each grey value, from top to bottom each alpha.
import everyTransparency from "./every_transparency.png";

export function isTransparent({ data }: Rgba): boolean {
  for (let at = 3; at < data.length; at += 4) if (data[at] !== 255) return true;
  return false;
}

/** Three bytes a pixel: alpha composited on white, in integers, rounded to nearest. */
export function onWhite({ data }: Rgba): Uint8Array {
  const pixels = new Uint8Array((data.length / 4) * 3);
  for (let from = 0, to = 0; from < data.length; from += 4, to += 3) {
    const alpha = data[from + 3] as number;
    for (let channel = 0; channel < 3; channel++) {
      pixels[to + channel] = valueOnWhite(data[from + channel] as number, alpha);
    }
  }
  return pixels;
}

let exact: Promise<boolean> | undefined;

/** Whether this browser gives every grey value of every alpha so that it is exact on white. */
export function isTransparencyExact(): Promise<boolean> {
  exact ??= decodeInBrowser(everyTransparency, "image/png").then((image) =>
    onWhite(image).every((value, index) => {
      const pixel = Math.floor(index / 3);
      return value === valueOnWhite(pixel % image.width, Math.floor(pixel / image.width));
    }),
  );
  return exact;
}

function valueOnWhite(value: number, alpha: number): number {
  return Math.min(Math.floor((value * alpha + 127) / 255) + 255 - alpha, 255);
}
