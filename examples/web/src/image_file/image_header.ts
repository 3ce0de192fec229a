// What an image file says about itself, in the formats that browsers decode to the pixels of crbl_runtime.

import type { Sentence } from "../texts/texts";
import type { Rgba } from "./browser_decoder";

export interface ImageHeader {
  /** As Blob takes it. */
  mimeType: "image/png" | "image/jpeg" | "image/webp" | "image/bmp";
  /** As stored, before an EXIF orientation is applied, in pixels. */
  width: number;
  height: number;
  /** What of the file has no part in its pixels. */
  notes: Sentence[];
  /** Whether the file has the data of all rows, where browsers keep silent about missing ones. */
  hasAllRows(decoded: Rgba): Promise<boolean>;
}
