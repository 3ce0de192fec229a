// OpenCV itself, compiled to WebAssembly.

import type { OpenCV } from "@opencvjs/types";
import load from "@opencvjs/web/lib/opencv_js.js";

import { embeddedFile } from "../embedded_files";

export type Cv = typeof OpenCV;
export type Mat = OpenCV.Mat;

/** Rejects where the browser cannot run it. */
export async function loadOpenCv(): Promise<Cv> {
  const wasm = await embeddedFile("opencv_wasm");
  return new Promise((resolve, reject) => {
    load({
      instantiateWasm: (imports, receive) => {
        WebAssembly.instantiate(wasm, imports).then(({ instance, module }) => receive(instance, module), reject);
        return {};
      },
    }).then(resolve, reject);
  });
}

/** What a function makes of some matrices, whose memory is given back afterwards, whatever happens. */
export function released<Result>(use: (owned: <T extends { delete(): void }>(thing: T) => T) => Result): Result {
  const things: { delete(): void }[] = [];
  try {
    return use((thing) => {
      things.push(thing);
      return thing;
    });
  } finally {
    for (const thing of things) thing.delete();
  }
}
