// Whether all rows of a PNG are there: some browsers leave those that are missing black, and say nothing.

export interface PngLayout {
  width: number;
  height: number;
  bitsPerPixel: number;
  interlaced: boolean;
}

// First column and row of each pass of an interlaced PNG, and the steps to the next ones.
const PASSES = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

/** Whether the compressed data (the content of the IDAT chunks) are sound and hold the bytes of all rows. */
export async function hasAllPngRows(data: Uint8Array<ArrayBuffer>[], layout: PngLayout): Promise<boolean> {
  const stream = new Blob(data).stream().pipeThrough(new DecompressionStream("deflate"));
  const reader = stream.getReader();
  let bytes = 0;
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) bytes += read.value.length;
  } catch {
    return false;
  }
  return bytes >= bytesOfRows(layout);
}

function bytesOfRows({ width, height, bitsPerPixel, interlaced }: PngLayout): number {
  // Each row begins with the number of its filter.
  const bytes = (columns: number, rows: number) => (columns > 0 ? rows * (1 + Math.ceil((columns * bitsPerPixel) / 8)) : 0);
  if (!interlaced) return bytes(width, height);
  return PASSES.reduce((sum, [x, y, across, down]) => {
    return sum + bytes(Math.ceil((width - x) / across), Math.max(Math.ceil((height - y) / down), 0));
  }, 0);
}
