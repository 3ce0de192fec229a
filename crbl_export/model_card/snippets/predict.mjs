// npm install onnxruntime-node
// node predict.mjs MODEL.onnx PICTURES.rgb [dml]
import { readFile } from "node:fs/promises";
import ort from "onnxruntime-node";

const IMAGE_SIZE = @IMAGE_SIZE@;
const THRESHOLD = @THRESHOLD@;
const PICTURE_BYTES = IMAGE_SIZE * IMAGE_SIZE * 3;

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
if (file === undefined) throw new Error("Expected MODEL.onnx PICTURES.rgb [dml].");
const pictures = await readFile(file);
if (pictures.length === 0 || pictures.length % PICTURE_BYTES !== 0) {
  throw new Error(`${file} has ${pictures.length} bytes, expected ${PICTURE_BYTES} for each picture.`);
}
const session = await ort.InferenceSession.create(model, sessionOptions(provider));
for (let start = 0; start < pictures.length; start += PICTURE_BYTES) {
  // Rows from the top, pixels from the left, R before G before B.
  const pixels = Uint8Array.from(pictures.subarray(start, start + PICTURE_BYTES));
  const image = new ort.Tensor("uint8", pixels, [1, IMAGE_SIZE, IMAGE_SIZE, 3]);
  const results = await session.run({ image }, ["probability", "logit"]);
  const probability = results.probability.data[0];
  const logit = results.logit.data[0];
  if (!Number.isFinite(logit)) throw new Error("The logit is not finite: the driver computes wrongly.");
  const decision = probability > THRESHOLD ? "anomaly" : "normal";
  console.log(`${probability.toFixed(8)} ${logit.toFixed(6)} ${decision}`);
}
await session.release();
