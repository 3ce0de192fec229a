// The browser's own decoder, asked for the values of the file: no colour management, straight alpha, upright.

import { ImageError } from "../errors";

/** Rows from the top, four bytes a pixel, straight alpha. */
export interface Rgba {
  width: number;
  height: number;
  data: Uint8ClampedArray;
}

/** Throws an ImageError where the browser finds the file damaged. */
export async function decodeInBrowser(content: Uint8Array<ArrayBuffer>, mimeType: string): Promise<Rgba> {
  const bitmap = await bitmapOf(new Blob([content], { type: mimeType }));
  try {
    const { width, height } = bitmap;
    // In memory rather than on a graphics card, whose canvases round premultiplied colours differently.
    const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    if (context === null) throw new ImageError((texts) => texts.noCanvas);
    context.drawImage(bitmap, 0, 0);
    return { width, height, data: context.getImageData(0, 0, width, height).data };
  } finally {
    bitmap.close();
  }
}

async function bitmapOf(file: Blob): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(file, {
      colorSpaceConversion: "none",
      imageOrientation: "from-image",
      premultiplyAlpha: "none",
    });
  } catch {
    throw new ImageError((texts) => texts.cannotBeDecoded);
  }
}
