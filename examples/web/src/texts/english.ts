export const english = {
  title: "CRBL in the browser",
  promise:
    "Drop a model file and images on this page. They stay on this machine: the page has no connection to anything, and works without a network.",
  otherLanguage: "한국어",
  drop: "Drop model files (.onnx) and images here",
  choose: "Choose files",
  starting: "Getting ready …",
  unsupportedBrowser: (reason: string) =>
    `This browser cannot run the page (${reason}). Open it with a current Chrome, Edge, Firefox or Safari.`,

  models: "Models",
  noModel: "No model yet. A file that crbl-export wrote is needed; a crop and a full model decide together.",
  loading: (name: string) => `${name}: reading, checking and starting …`,
  runOn: "Run on",
  wanted: { automatic: "automatic choice", webgpu: "WebGPU (graphics card)", wasm: "WebAssembly (processor)" },
  provider: { webgpu: "WebGPU", wasm: "WebAssembly" },
  variant: "Variant",
  runsOn: "Runs on",
  fallback: (reason: string) => `WebAssembly. WebGPU is not used: ${reason}`,
  preparation: "Images",
  sameImages: "prepared here to the same pixels as where the model was exported (golden image)",
  otherImages:
    "This browser decodes or resizes images to other pixels than the machine where the model was exported, so the model may decide otherwise. Use a current Chrome or Edge, and switch off what protects against fingerprinting for this page.",
  selfTest: "Self-test",
  selfTestPassed: "passed: the logits of four images are those in the model file",

  results: "Images",
  counts: (images: number, anomalies: number, normal: number, failed: number, waiting: number) =>
    `${images} images: ${anomalies} anomalous, ${normal} normal` +
    (failed > 0 ? `, ${failed} not predicted` : "") +
    (waiting > 0 ? `, ${waiting} waiting` : ""),
  remove: "Remove the images",
  waiting: "waiting",
  waitingForModel: "waiting for a model",
  together: "both models together",
  probability: "Probability",
  calibrated: "Calibrated probability",
  threshold: "Threshold",
  logit: "Logit",
  region: "Region",
  regionFound: (width: number, height: number, x: number, y: number) => `found: ${width} × ${height} at (${x}, ${y})`,
  regionNotFound: "not found: the whole image was used",
  cells: "Heatmap",
  cellsAddUpTo: (rows: number, columns: number) => `${rows} × ${columns} cells add up to`,
  noHeatmap: "none in this file (crbl-export --heatmap)",
  towardsNormal: "normal",
  towardsAnomaly: "anomaly",
  profileIgnored: "Its ICC profile was ignored.",
  firstFrame: "Only the first of its frames was used.",

  readsTitle: "Which images this page reads",
  reads:
    "JPEG, PNG, WebP and BMP with 8 bits a channel, of which Chromium makes the same pixels as crbl_runtime. Refused are files that browsers cannot decode or decode otherwise: 16-bit PNG, TIFF, JPEG 2000, HEIC, AVIF, GIF, CMYK and 12-bit JPEG, BMP of 16 bits or with compression, and PNG or WebP that are turned by EXIF. Transparent parts become white, ICC profiles are ignored, and the EXIF orientation of JPEG is applied.",

  noCrblModel: (name: string) =>
    `${name} is no CRBL model, or is damaged: it carries no contract with the SHA-256 of its payload. Drop a file that crbl-export wrote.`,
  severalHashes: (name: string, count: number) =>
    `${name} carries ${count} hashes of its payload, expected one. Export the model again.`,
  damagedModel: (name: string, actual: string, recorded: string) =>
    `${name} is damaged or was changed after its export: the SHA-256 of its payload is ${actual}…, but the file records ${recorded}…. Copy it again, or export the model again.`,
  unknownContract: (name: string, version: string, known: string) =>
    `${name} has a contract of schema version ${version}, this page knows the versions ${known}. Build the page of the crbl that exported it, or export the model again with this one.`,
  damagedContract: (name: string, finding: string) =>
    `${name} has a damaged contract (${finding}). Export the model again.`,
  fastDecode: (name: string) =>
    `${name} asks for large JPEGs to be decoded at a part of their size (fast_decode), which browsers do not offer. Export the model without it.`,
  modelTooLarge: (name: string, size: number, limit: number) =>
    `${name} has ${size.toLocaleString("en")} bytes, expected at most ${limit.toLocaleString("en")}. Drop a file that crbl-export wrote.`,
  unreadable: (name: string) => `${name} cannot be read. Drop files, no folders, and drop it again if it has changed.`,
  replaced: (name: string, variant: string) => `${name} has taken the place of the ${variant} model that was here.`,

  doesNotStart: (provider: string, reason: string) => `${provider} does not start (${reason}).`,
  computesWrongly: (provider: string, error: number, allowed: number) =>
    `${provider} computes wrongly: the self-test's logits are off by ${error.toPrecision(2)}, allowed are ${allowed.toPrecision(2)}. Update the graphics driver or the browser.`,
  insecurePage: "browsers offer it to pages from a folder, from this machine or over HTTPS alone.",
  noWebGpu: "this browser has none.",
  noAdapter: "the browser finds no graphics card for it.",
  softwareAdapter: "here it would be computed by the processor, which is slower.",
  noCryptography:
    "This page was loaded over HTTP from another machine, where browsers offer no SHA-256. Save it and open the file, or serve it over HTTPS or from localhost.",
  notFinite: (name: string, provider: string) =>
    `${name} gave NaN or an infinite logit on ${provider}. Look at the image; on WebGPU, choose WebAssembly and try again.`,

  cutOff: "Damaged image: the file is cut off, or rows are missing. Copy or export the image again.",
  cannotBeDecoded: "Damaged image: it cannot be decoded, or its check sums are wrong. Copy or export the image again.",
  cannotBeRead: "The file cannot be read. Drop files, no folders, and drop it again if it has changed.",
  unknownFormat: "Not JPEG, PNG, WebP or BMP. Save the image as PNG, or use crbl-predict, which reads more formats.",
  sixteenBits:
    "A PNG of 16 bits: browsers cut its values to 8 bits otherwise than crbl_runtime. Use crbl-predict, or save it with 8 bits.",
  turned: (format: string) =>
    `A ${format} that is turned by its EXIF orientation, which not every browser applies. Save it upright.`,
  unusualJpeg: "A JPEG of a rare kind (lossless, hierarchical, arithmetic-coded or not of 8 bits). Save it as PNG.",
  inks: "A JPEG of inks (CMYK), which browsers convert in different ways. Save it as RGB.",
  unusualBmp: "A BMP of a rare kind (16 bits, fewer than 256 colours or compressed). Save it as PNG.",
  transparent:
    "An image with transparent parts, whose colours this browser rounds otherwise than crbl_runtime. Use Chrome or Edge, or save it without transparency.",
  noCanvas: "The browser has no memory left for this image. Close other pages or scale the image down.",
  tooManyPixels: (width: number, height: number, limit: number) =>
    `It declares ${width} × ${height} pixels, more than the limit of ${limit.toLocaleString("en")}. Scale or crop the image first.`,
  unexpected: (message: string) => `Unexpected error: ${message}. Load the page again.`,
};
