// Where a model runs: on the graphics card through WebGPU where that starts and computes correctly, else in WebAssembly.

import { PageError, ProviderError, sentenceOf } from "../errors";
import type { ModelFile } from "../model_file/model_file";
import type { Sentence } from "../texts/texts";
import type { Provider } from "./onnxruntime";
import { selfTestError, selfTestImages } from "./self_test";
import { openSession, type Session } from "./session";

export type WantedProvider = "automatic" | Provider;

export interface RunningModel {
  session: Session;
  provider: Provider;
  /** Why WebGPU is not used, where nobody has asked for WebAssembly. */
  fallback: Sentence | null;
}

/** The model on the provider that was asked for. Throws a PageError where it does not start or computes wrongly. */
export async function startModel(model: ModelFile, wanted: WantedProvider): Promise<RunningModel> {
  if (wanted !== "automatic") {
    return { session: await tested(model, wanted), provider: wanted, fallback: null };
  }
  const reason = await whyNoWebGpu();
  if (reason === null) {
    try {
      return { session: await tested(model, "webgpu"), provider: "webgpu", fallback: null };
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      return { session: await tested(model, "wasm"), provider: "wasm", fallback: sentenceOf(error) };
    }
  }
  return { session: await tested(model, "wasm"), provider: "wasm", fallback: reason };
}

async function whyNoWebGpu(): Promise<Sentence | null> {
  if (!isSecureContext) return (texts) => texts.insecurePage;
  if (!navigator.gpu) return (texts) => texts.noWebGpu;
  const adapter = await navigator.gpu.requestAdapter();
  if (adapter === null) return (texts) => texts.noAdapter;
  if (adapter.info.isFallbackAdapter) return (texts) => texts.softwareAdapter;
  return null;
}

/** A session whose logits for the self-test's images are those in the model file. */
async function tested(model: ModelFile, provider: Provider): Promise<Session> {
  const session = await openSession(model, provider);
  try {
    const logits: number[] = [];
    for (const image of selfTestImages(model.contract.preprocessing.image_size)) {
      logits.push((await session.run(image)).logit);
    }
    const error = selfTestError(logits, model.contract);
    const { tolerance } = model.contract.self_test;
    if (!(error <= tolerance)) {
      throw new ProviderError((texts) => texts.computesWrongly(texts.provider[provider], error, tolerance));
    }
    return session;
  } catch (error) {
    await session.release();
    if (error instanceof PageError) throw error;
    throw new ProviderError((texts) => texts.doesNotStart(texts.provider[provider], String(error)));
  }
}
