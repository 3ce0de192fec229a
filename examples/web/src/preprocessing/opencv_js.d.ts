declare module "@opencvjs/web/lib/opencv_js.js" {
  import type { OpenCV } from "@opencvjs/types";

  interface Options {
    /** Emscripten's hook for who instantiates the module otherwise. */
    instantiateWasm(
      imports: WebAssembly.Imports,
      receive: (instance: WebAssembly.Instance, module: WebAssembly.Module) => void,
    ): object;
  }

  export default function load(options: Options): Promise<typeof OpenCV>;
}
