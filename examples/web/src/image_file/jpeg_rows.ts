// Whether all rows of a JPEG are there: decoders fill what is missing with grey and say nothing.

import { decodeInBrowser, type Rgba } from "./browser_decoder";

// Put before the end-of-image marker, this is skipped where all rows are there, and becomes pixels where rows are
// missing. It starts with 0, so that a byte 0xFF before it stays one of the data; after it each restart marker.
const NOISE = Array.from({ length: 64 }, (_, index) => (97 * index) % 251);
const FILLER = [...NOISE, ...[0, 1, 2, 3, 4, 5, 6, 7].flatMap((number) => [0xff, 0xd0 + number, ...NOISE])];
const END_OF_IMAGE = [0xff, 0xd9];

/** Whether the file, whose end-of-image marker stands at `end`, was decoded to pixels that are all its own. */
export async function hasAllJpegRows(content: Uint8Array, end: number, decoded: Rgba): Promise<boolean> {
  if (!endsInMidGrey(decoded)) return true;
  const again = await decodeInBrowser(withFiller(content, end), "image/jpeg");
  return again.data.every((value, index) => value === decoded.data[index]);
}

/** Whether the last pixel is as bright as what missing rows are filled with; colour may bleed into it. */
function endsInMidGrey({ data }: Rgba): boolean {
  const [red = 0, green = 0, blue = 0] = data.subarray(data.length - 4);
  const luminance = 0.299 * red + 0.587 * green + 0.114 * blue;
  return luminance > 125 && luminance < 131;
}

function withFiller(content: Uint8Array, end: number): Uint8Array<ArrayBuffer> {
  const filled = new Uint8Array(end + FILLER.length + END_OF_IMAGE.length);
  filled.set(content.subarray(0, end));
  filled.set([...FILLER, ...END_OF_IMAGE], end);
  return filled;
}
