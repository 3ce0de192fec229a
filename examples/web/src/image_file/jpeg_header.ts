// JPEG: a stream of markers (ITU-T T.81, annex B).

import { ImageError } from "../errors";
import type { Sentence } from "../texts/texts";
import type { Rgba } from "./browser_decoder";
import { ascii, viewOf } from "./bytes";
import type { ImageHeader } from "./image_header";
import { hasAllJpegRows } from "./jpeg_rows";

export const JPEG_SIGNATURE = "\xff\xd8\xff";
const END_OF_IMAGE = 0xd9;
const START_OF_SCAN = 0xda;
const APPLICATION_2 = 0xe2;
const BASELINE = 0xc0;
const PROGRESSIVE = 0xc2;

/** Throws an ImageError for a stream without its end, or of a kind that is no picture of 8 bits in grey or colour. */
export function jpegHeader(content: Uint8Array): ImageHeader {
  const view = viewOf(content);
  const notes = new Set<Sentence>();
  let size = { width: 0, height: 0 };
  let scans = 0;
  for (let next = nextMarker(content, 2); next !== null; ) {
    const at = next;
    const marker = content[at + 1] as number;
    if (marker === END_OF_IMAGE && scans > 0) {
      const hasAllRows = (decoded: Rgba) => hasAllJpegRows(content, at, decoded);
      return { mimeType: "image/jpeg", ...size, notes: [...notes], hasAllRows };
    }
    if (marker === END_OF_IMAGE || at + 4 > content.length) break;
    const length = view.getUint16(at + 2);
    if (isFrame(marker) && at + 10 <= content.length) {
      requireKnownKind(marker, content[at + 4], content[at + 9]);
      size = { width: view.getUint16(at + 7), height: view.getUint16(at + 5) };
    }
    if (marker === START_OF_SCAN) scans++;
    if (marker === APPLICATION_2 && ascii(content, at + 4, 11) === "ICC_PROFILE") notes.add(profileIgnored);
    next = nextMarker(content, at + 2 + length);
  }
  throw new ImageError((texts) => texts.cutOff);
}

const profileIgnored: Sentence = (texts) => texts.profileIgnored;

/** Start-of-frame markers; 0xC4, 0xC8 and 0xCC within their range are something else. */
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

function requireKnownKind(frame: number, bits: number | undefined, components: number | undefined): void {
  if (frame < BASELINE || frame > PROGRESSIVE) throw new ImageError((texts) => texts.unusualJpeg);
  if (bits !== 8) throw new ImageError((texts) => texts.unusualJpeg);
  if (components === 4) throw new ImageError((texts) => texts.inks);
}

/** Where the next marker that has a meaning stands: 0xFF and neither stuffing, fill, TEM, a restart nor a start. */
function nextMarker(content: Uint8Array, from: number): number | null {
  for (let at = content.indexOf(0xff, from); at !== -1 && at + 1 < content.length; at = content.indexOf(0xff, at + 1)) {
    const code = content[at + 1] as number;
    if (code > 0x01 && code !== 0xff && !(code >= 0xd0 && code <= 0xd8)) return at;
  }
  return null;
}
