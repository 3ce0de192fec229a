// BMP: one header, and rows of pixels without compression.

import { ImageError } from "../errors";
import { viewOf } from "./bytes";
import type { ImageHeader } from "./image_header";

export const BMP_SIGNATURE = "BM";
const FILE_HEADER_BYTES = 14;
const SMALLEST_HEADER_BYTES = 40;
const UNCOMPRESSED = 0;

/** Throws an ImageError for a file that is cut off, or of a kind whose values browsers round otherwise. */
export function bmpHeader(content: Uint8Array): ImageHeader {
  const view = viewOf(content);
  if (content.length < FILE_HEADER_BYTES + SMALLEST_HEADER_BYTES) throw new ImageError((texts) => texts.cutOff);
  const pixels = view.getUint32(10, true);
  const headerBytes = view.getUint32(FILE_HEADER_BYTES, true);
  const width = view.getInt32(18, true);
  const height = Math.abs(view.getInt32(22, true));
  const bits = view.getUint16(28, true);
  const compression = view.getUint32(30, true);
  const palette = (pixels - FILE_HEADER_BYTES - headerBytes) / 4;
  const isKnown = bits === 24 || bits === 32 || (bits === 8 && palette >= 256);
  if (headerBytes < SMALLEST_HEADER_BYTES || compression !== UNCOMPRESSED || !isKnown) {
    throw new ImageError((texts) => texts.unusualBmp);
  }
  const rowBytes = Math.ceil((width * bits) / 32) * 4;
  if (content.length < pixels + rowBytes * height) throw new ImageError((texts) => texts.cutOff);
  return { mimeType: "image/bmp", width, height, notes: [], hasAllRows: async () => true };
}
