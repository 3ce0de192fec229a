// npm install onnxruntime-node
// node predict.mjs MODEL.onnx IMAGES.rgb [dml]
import { readFile } from "node:fs/promises";
import ort from "onnxruntime-node";

const IMAGE_SIZE = @IMAGE_SIZE@;
const THRESHOLD = @THRESHOLD@;
const IMAGE_BYTES = IMAGE_SIZE * IMAGE_SIZE * 3;

function sessionOptions(provider) {
  if (provider !== "dml") return { executionProviders: [provider] };
  return {
    executionProviders: [{ name: "dml", deviceId: 0 }],
    executionMode: "sequential",
    enableMemPattern: false,
    freeDimensionOverrides: { batch: 1 },
  };
}

const [model, file, provider = "cpu"] = process.argv.slice(2);
if (file === undefined) throw new Error("Expected MODEL.onnx IMAGES.rgb [dml].");
const images = await readFile(file);
if (images.length === 0 || images.length % IMAGE_BYTES !== 0) {
  throw new Error(`${file} has ${images.length} bytes, expected ${IMAGE_BYTES} for each image.`);
}
const session = await ort.InferenceSession.create(model, sessionOptions(provider));
for (let start = 0; start < images.length; start += IMAGE_BYTES) {
  // Rows from the top, pixels from the left, R before G before B.
  const pixels = Uint8Array.from(images.subarray(start, start + IMAGE_BYTES));
  const image = new ort.Tensor("uint8", pixels, [1, IMAGE_SIZE, IMAGE_SIZE, 3]);
  const results = await session.run({ image }, ["probability", "logit"]);
  const probability = results.probability.data[0];
  const logit = results.logit.data[0];
  if (!Number.isFinite(logit)) throw new Error("The logit is not finite: the driver computes wrongly.");
  const decision = probability > THRESHOLD ? "anomaly" : "normal";
  console.log(`${probability.toFixed(8)} ${logit.toFixed(6)} ${decision}`);
}
await session.release();
