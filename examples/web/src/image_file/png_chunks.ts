// The chunks of a PNG, each with the check sum that it carries (W3C Portable Network Graphics, third edition).

import { ImageError } from "../errors";
import { ascii, viewOf } from "./bytes";

export const PNG_SIGNATURE = "\x89PNG\r\n\x1a\n";

export interface Chunk {
  type: string;
  data: Uint8Array<ArrayBuffer>;
}

/** Up to IEND. Throws an ImageError where the file ends before, or a check sum is wrong: not every browser minds. */
export function* pngChunks(content: Uint8Array<ArrayBuffer>): Generator<Chunk> {
  const view = viewOf(content);
  let type = "";
  for (let at = PNG_SIGNATURE.length; type !== "IEND"; ) {
    if (at + 12 > content.length) throw new ImageError((texts) => texts.cutOff);
    const end = at + 8 + view.getUint32(at);
    if (end + 4 > content.length) throw new ImageError((texts) => texts.cutOff);
    if (crc32(content.subarray(at + 4, end)) !== view.getUint32(end)) {
      throw new ImageError((texts) => texts.cannotBeDecoded);
    }
    type = ascii(content, at + 4, 4);
    yield { type, data: content.subarray(at + 8, end) };
    at = end + 4;
  }
}

/** For each byte what eight steps of the division by the polynomial of CRC-32 make of it. */
const STEPS = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) remainder = remainder & 1 ? 0xedb88320 ^ (remainder >>> 1) : remainder >>> 1;
  return remainder;
});

function crc32(bytes: Uint8Array): number {
  let remainder = 0xffffffff;
  for (const byte of bytes) remainder = (STEPS[(remainder ^ byte) & 0xff] as number) ^ (remainder >>> 8);
  return ~remainder >>> 0;
}
