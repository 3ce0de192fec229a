// What a PNG says about itself.

import { ImageError } from "../errors";
import type { Sentence } from "../texts/texts";
import { viewOf } from "./bytes";
import { exifOrientation } from "./exif_orientation";
import type { ImageHeader } from "./image_header";
import { pngChunks } from "./png_chunks";
import { hasAllPngRows } from "./png_rows";

const HEADER_BYTES = 13;
// Samples of a pixel, by the colour type: grey, RGB, palette, grey with alpha, RGB with alpha.
const SAMPLES = new Map([
  [0, 1],
  [2, 3],
  [3, 1],
  [4, 2],
  [6, 4],
]);

/** Throws an ImageError for a file that is damaged, has 16 bits a sample, or is turned by its EXIF orientation. */
export function pngHeader(content: Uint8Array<ArrayBuffer>): ImageHeader {
  const chunks = [...pngChunks(content)];
  const header = chunks[0];
  if (header?.type !== "IHDR" || header.data.length < HEADER_BYTES) throw new ImageError((texts) => texts.cannotBeDecoded);
  const view = viewOf(header.data);
  const bits = view.getUint8(8);
  if (bits === 16) throw new ImageError((texts) => texts.sixteenBits);
  const layout = {
    width: view.getUint32(0),
    height: view.getUint32(4),
    bitsPerPixel: bits * (SAMPLES.get(view.getUint8(9)) ?? 0),
    interlaced: view.getUint8(12) === 1,
  };
  const notes: Sentence[] = [];
  for (const { type, data } of chunks) {
    if (type === "eXIf" && exifOrientation(data) !== 1) throw new ImageError((texts) => texts.turned("PNG"));
    if (type === "iCCP") notes.push((texts) => texts.profileIgnored);
    if (type === "acTL") notes.push((texts) => texts.firstFrame);
  }
  const compressed = chunks.filter(({ type }) => type === "IDAT").map(({ data }) => data);
  return {
    mimeType: "image/png",
    width: layout.width,
    height: layout.height,
    notes,
    hasAllRows: () => hasAllPngRows(compressed, layout),
  };
}
