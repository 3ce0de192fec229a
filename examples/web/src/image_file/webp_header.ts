// WebP: chunks in a RIFF container (RFC 9649).

import { ImageError } from "../errors";
import type { Sentence } from "../texts/texts";
import { ascii, viewOf } from "./bytes";
import { exifOrientation } from "./exif_orientation";
import type { ImageHeader } from "./image_header";

const RIFF_BYTES = 12;
const CHUNK_HEAD_BYTES = 8;
const HAS_PROFILE = 0x20;
const IS_ANIMATION = 0x02;

export function isWebp(content: Uint8Array): boolean {
  return ascii(content, 0, 4) === "RIFF" && ascii(content, 8, 4) === "WEBP";
}

/** Throws an ImageError for a file that is cut off or is turned by its EXIF orientation. */
export function webpHeader(content: Uint8Array): ImageHeader {
  const view = viewOf(content);
  if (content.length < 30 || view.getUint32(4, true) + 8 > content.length) {
    throw new ImageError((texts) => texts.cutOff);
  }
  const size = sizeOf(view, ascii(content, RIFF_BYTES, 4));
  if (size === null) throw new ImageError((texts) => texts.cannotBeDecoded);
  const notes: Sentence[] = [];
  const flags = ascii(content, RIFF_BYTES, 4) === "VP8X" ? view.getUint8(20) : 0;
  if (flags & HAS_PROFILE) notes.push((texts) => texts.profileIgnored);
  if (flags & IS_ANIMATION) notes.push((texts) => texts.firstFrame);
  const exif = chunk(content, view, "EXIF");
  // Browsers do not turn a WebP by it.
  if (exif !== null && exifOrientation(exif) !== 1) throw new ImageError((texts) => texts.turned("WebP"));
  return { mimeType: "image/webp", ...size, notes, hasAllRows: async () => true };
}

/** From the first chunk, of which there are three kinds: extended, lossy and lossless. */
function sizeOf(view: DataView, kind: string): { width: number; height: number } | null {
  const data = RIFF_BYTES + CHUNK_HEAD_BYTES;
  if (kind === "VP8X") {
    const side = (at: number) => view.getUint16(at, true) + view.getUint8(at + 2) * 2 ** 16 + 1;
    return { width: side(data + 4), height: side(data + 7) };
  }
  if (kind === "VP8 ") {
    return { width: view.getUint16(data + 6, true) & 0x3fff, height: view.getUint16(data + 8, true) & 0x3fff };
  }
  if (kind === "VP8L") {
    const bits = view.getUint32(data + 1, true);
    return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
  }
  return null;
}

function chunk(content: Uint8Array, view: DataView, wanted: string): Uint8Array | null {
  for (let at = RIFF_BYTES; at + CHUNK_HEAD_BYTES <= content.length; ) {
    const length = view.getUint32(at + 4, true);
    const data = at + CHUNK_HEAD_BYTES;
    if (ascii(content, at, 4) === wanted) return content.subarray(data, data + length);
    at = data + length + (length % 2);
  }
  return null;
}
