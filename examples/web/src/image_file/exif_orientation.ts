// The orientation in an EXIF block (EXIF 2.32, tag 0x0112).

import { ascii, viewOf } from "./bytes";

const ORIENTATION = 0x0112;
const HEADER_OF_JPEG = "Exif\0\0";
const ENTRY_BYTES = 12;

/** 1 to 8; 1 (upright) for a block that gives none or cannot be read, as crbl_runtime has it. */
export function exifOrientation(block: Uint8Array): number {
  const tiff = ascii(block, 0, 6) === HEADER_OF_JPEG ? block.subarray(6) : block;
  const littleEndian = ascii(tiff, 0, 2) === "II";
  const view = viewOf(tiff);
  try {
    const directory = view.getUint32(4, littleEndian);
    const entries = view.getUint16(directory, littleEndian);
    for (let number = 0; number < entries; number++) {
      const entry = directory + 2 + number * ENTRY_BYTES;
      if (view.getUint16(entry, littleEndian) !== ORIENTATION) continue;
      const value = view.getUint16(entry + 8, littleEndian);
      return value >= 1 && value <= 8 ? value : 1;
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return 1;
}
