// What the page holds, and what it does one after the other: start models, predict images.

import { openDetector, predict, type Detector, type Prediction } from "../detector";
import { ImageError, sentenceOf } from "../errors";
import { drawOverlay } from "../heatmap_overlay";
import { decodeImage } from "../image_file/decode";
import type { WantedProvider } from "../inference/execution_provider";
import type { Variant } from "../model_file/contract";
import { readModelFile, type ModelFile } from "../model_file/model_file";
import type { Cv } from "../preprocessing/opencv";
import type { Sentence } from "../texts/texts";

export interface Predicted {
  notes: Sentence[];
  /** Of each model, crop before full, with the picture of it. */
  predictions: { prediction: Prediction; overlay: HTMLCanvasElement }[];
  isAnomaly: boolean;
  /** Of the decision of all models together. */
  label: string;
}

/** Null while an image waits for its turn, or for a model. */
export type Outcome = Predicted | { error: Sentence } | null;

export interface ImageEntry {
  file: File;
  outcome: Outcome;
}

const VARIANTS: Variant[] = ["crop", "full"];

export class Application {
  images: ImageEntry[] = [];
  /** What was said about model files since the last ones were dropped. */
  modelMessages: { isError: boolean; sentence: Sentence }[] = [];
  loading: string | null = null;
  wanted: WantedProvider = "automatic";
  private readonly models = new Map<Variant, ModelFile>();
  private readonly running = new Map<Variant, Detector>();
  private work: Promise<void> = Promise.resolve();

  /** Args: onChange is called after each change of what is here. */
  constructor(
    private readonly cv: Cv,
    private readonly onChange: () => void,
  ) {}

  /** Crop before full. */
  get detectors(): Detector[] {
    return VARIANTS.flatMap((variant) => this.running.get(variant) ?? []);
  }

  /** Take the files whose names end in .onnx as models and all others as images. */
  add(files: File[]): void {
    const models = files.filter(isModel);
    this.images.push(...files.filter((file) => !isModel(file)).map((file) => ({ file, outcome: null })));
    if (models.length > 0) this.modelMessages = [];
    for (const file of models) this.enqueue(() => this.load(file));
    this.enqueue(() => this.predictAll());
    this.onChange();
  }

  choose(wanted: WantedProvider): void {
    this.wanted = wanted;
    this.modelMessages = [];
    for (const variant of VARIANTS) this.enqueue(() => this.start(variant));
    this.enqueue(() => this.predictAll());
  }

  removeImages(): void {
    this.images = [];
    this.onChange();
  }

  private enqueue(task: () => Promise<void>): void {
    this.work = this.work.then(task);
  }

  /** Put a model in the place of the one of its variant. */
  private async load(file: File): Promise<void> {
    await this.say(file.name, async () => {
      const model = await readModelFile(file);
      const { variant } = model.contract;
      if (this.models.has(variant)) {
        this.modelMessages.push({ isError: false, sentence: (texts) => texts.replaced(file.name, variant) });
      }
      this.models.set(variant, model);
      await this.start(variant);
    });
  }

  /** Start the model of a variant where it is wanted now, and let all images be predicted again. */
  private async start(variant: Variant): Promise<void> {
    const model = this.models.get(variant);
    if (model === undefined) return;
    await this.say(model.name, async () => {
      const before = this.running.get(variant);
      this.running.delete(variant);
      for (const image of this.images) image.outcome = null;
      await before?.session.release();
      this.running.set(variant, await openDetector(this.cv, model, this.wanted));
    });
  }

  /** Do something about a model file, and let the page show that it is done and what went wrong. */
  private async say(name: string, task: () => Promise<void>): Promise<void> {
    this.loading = name;
    this.onChange();
    await painted();
    try {
      await task();
    } catch (error) {
      this.modelMessages.push({ isError: true, sentence: sentenceOf(error) });
    }
    this.loading = null;
    this.onChange();
  }

  private async predictAll(): Promise<void> {
    if (this.detectors.length === 0) return;
    for (let image = this.nextImage(); image !== undefined; image = this.nextImage()) {
      await painted();
      try {
        image.outcome = await this.predicted(image.file);
      } catch (error) {
        image.outcome = { error: sentenceOf(error) };
      }
      this.onChange();
    }
  }

  private nextImage(): ImageEntry | undefined {
    return this.images.find((image) => image.outcome === null);
  }

  private async predicted(file: File): Promise<Predicted> {
    const image = await decodeImage(await bytesOf(file));
    const predictions: Predicted["predictions"] = [];
    for (const detector of this.detectors) {
      const prediction = await predict(this.cv, detector, image);
      predictions.push({ prediction, overlay: drawOverlay(this.cv, image, prediction) });
    }
    const isAnomaly = predictions.some(({ prediction }) => prediction.isAnomaly);
    const labels = predictions[0]?.prediction.detector.model.contract.labels;
    return { notes: image.notes, predictions, isAnomaly, label: labels?.[isAnomaly ? 1 : 0] ?? "" };
  }
}

function isModel(file: File): boolean {
  return file.name.toLowerCase().endsWith(".onnx");
}

async function bytesOf(file: File): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch {
    throw new ImageError((texts) => texts.cannotBeRead);
  }
}

/** Let the browser show what has changed before the next long computation. */
function painted(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
