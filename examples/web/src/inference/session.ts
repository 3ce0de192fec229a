// A model in onnxruntime, on one execution provider: one prepared image in, its outputs out.

import type { InferenceSession, Tensor } from "onnxruntime-web";

import { messageOf, ModelFileError, ProviderError } from "../errors";
import type { ModelFile } from "../model_file/model_file";
import { onnxRuntime, type Provider } from "./onnxruntime";

const INPUT = "image";
const OUTPUTS = ["probability", "logit"];
const HEATMAP = "heatmap";
const ONLY_ERRORS = 3;

export interface Heatmap {
  rows: number;
  columns: number;
  /** What each cell adds to the logit, row by row; together they are the logit less the bias. */
  cells: Float32Array;
}

export interface Outputs {
  probability: number;
  logit: number;
  heatmap: Heatmap | null;
}

export interface Session {
  run(pixels: Uint8Array): Promise<Outputs>;
  release(): Promise<void>;
}

/** Throws a ProviderError where the provider does not start, a ModelFileError where the graph is not the contract's. */
export async function openSession(model: ModelFile, provider: Provider): Promise<Session> {
  const runtime = await onnxRuntime(provider);
  const session = await created(runtime.InferenceSession, model, provider);
  if (!OUTPUTS.every((name) => session.outputNames.includes(name)) || session.inputNames.join() !== INPUT) {
    throw new ModelFileError((texts) => texts.noCrblModel(model.name));
  }
  const side = model.contract.preprocessing.image_size;
  return {
    async run(pixels) {
      const image = new runtime.Tensor("uint8", pixels, [1, side, side, 3]);
      return outputsOf(await session.run({ [INPUT]: image }));
    },
    release: () => session.release(),
  };
}

async function created(
  sessions: typeof InferenceSession,
  model: ModelFile,
  provider: Provider,
): Promise<InferenceSession> {
  try {
    return await sessions.create(model.content, {
      executionProviders: [provider],
      freeDimensionOverrides: { batch: 1 },
      logSeverityLevel: ONLY_ERRORS,
    });
  } catch (error) {
    throw new ProviderError((texts) => texts.doesNotStart(texts.provider[provider], messageOf(error)));
  }
}

function outputsOf(results: InferenceSession.ReturnType): Outputs {
  const [probability, logit] = OUTPUTS.map((name) => Number(results[name]?.data[0] ?? NaN)) as [number, number];
  return { probability, logit, heatmap: heatmapOf(results[HEATMAP]) };
}

function heatmapOf(output: Tensor | undefined): Heatmap | null {
  const [, rows, columns] = output?.dims ?? [];
  if (output === undefined || rows === undefined || columns === undefined) return null;
  return { rows, columns, cells: output.data as Float32Array };
}
