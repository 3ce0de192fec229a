// From an image file to the RGB pixels that crbl_runtime decodes it to, or to a reason why not.

import { ImageError } from "../errors";
import type { Sentence } from "../texts/texts";
import { BMP_SIGNATURE, bmpHeader } from "./bmp_header";
import { decodeInBrowser } from "./browser_decoder";
import { ascii } from "./bytes";
import type { ImageHeader } from "./image_header";
import { JPEG_SIGNATURE, jpegHeader } from "./jpeg_header";
import { PNG_SIGNATURE } from "./png_chunks";
import { pngHeader } from "./png_header";
import { isTransparencyExact, isTransparent, onWhite } from "./transparency";
import { isWebp, webpHeader } from "./webp_header";

// Half of what crbl_runtime takes: a browser holds several copies of the pixels.
const MAX_PIXELS = 2 ** 26;

export interface RgbImage {
  width: number;
  height: number;
  /** Rows from the top, three bytes a pixel. */
  pixels: Uint8Array;
}

export interface DecodedImage extends RgbImage {
  notes: Sentence[];
}

/** Throws an ImageError for a file that is damaged, too large, or that the browser would decode to other values. */
export async function decodeImage(content: Uint8Array<ArrayBuffer>): Promise<DecodedImage> {
  const header = headerOf(content);
  if (header.width * header.height > MAX_PIXELS) {
    throw new ImageError((texts) => texts.tooManyPixels(header.width, header.height, MAX_PIXELS));
  }
  const image = await decodeInBrowser(content, header.mimeType);
  if (image.width * image.height !== header.width * header.height) {
    throw new ImageError((texts) => texts.cannotBeDecoded);
  }
  if (!(await header.hasAllRows(image))) throw new ImageError((texts) => texts.cutOff);
  if (isTransparent(image) && !(await isTransparencyExact())) throw new ImageError((texts) => texts.transparent);
  return { width: image.width, height: image.height, pixels: onWhite(image), notes: header.notes };
}

function headerOf(content: Uint8Array<ArrayBuffer>): ImageHeader {
  if (content.length === 0) throw new ImageError((texts) => texts.cutOff);
  if (ascii(content, 0, 8) === PNG_SIGNATURE) return pngHeader(content);
  if (ascii(content, 0, 3) === JPEG_SIGNATURE) return jpegHeader(content);
  if (isWebp(content)) return webpHeader(content);
  if (ascii(content, 0, 2) === BMP_SIGNATURE) return bmpHeader(content);
  throw new ImageError((texts) => texts.unknownFormat);
}
