// onnxruntime, compiled to WebAssembly: once for the processor alone, and once with WebGPU.
//
// The build with WebGPU would run both, but what it frees with a session on the processor belongs to the sessions on the
// graphics card, which fail from then on (onnxruntime-web 1.30.0). The other one has half its size and starts sooner.

import * as withWebGpu from "onnxruntime-web";
import * as withoutWebGpu from "onnxruntime-web/wasm";

import { embeddedFile } from "../embedded_files";

export type Provider = "webgpu" | "wasm";

export type OnnxRuntime = typeof withWebGpu;

const started = new Map<Provider, Promise<OnnxRuntime>>();

/** The one that runs this provider. */
export function onnxRuntime(provider: Provider): Promise<OnnxRuntime> {
  const before = started.get(provider);
  if (before !== undefined) return before;
  const runtime = provider === "webgpu" ? withWebGpu : withoutWebGpu;
  const ready = embeddedFile(`onnxruntime_${provider}`).then((wasm) => {
    runtime.env.wasm.wasmBinary = wasm;
    // More threads need headers that only a server can send.
    runtime.env.wasm.numThreads = 1;
    runtime.env.logLevel = "error";
    return runtime;
  });
  started.set(provider, ready);
  return ready;
}
