// npm run build: puts the page, its styles, both libraries and their WebAssembly into one file, dist/crbl.html.
//
// One file, because a browser opens it from a folder as well as from a server: it has nothing to load.
import { createHash } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzip } from "node:zlib";

import { build } from "esbuild";

import { opencvWithoutEval } from "./opencv_without_eval.mjs";

// Where onnxruntime-web believes it comes from. Nothing is loaded from there, but of the address of a page in a folder
// it makes a URL that Firefox refuses.
const NOWHERE = "https://nowhere.invalid/";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const OUTPUT = here("dist/crbl.html");
const ONNXRUNTIME = here("node_modules/onnxruntime-web/dist");

/** The page's program and styles, and the WebAssembly of OpenCV, which was in a JavaScript file. */
async function bundle() {
  let opencv;
  const options = { bundle: true, write: false, minify: true, target: "es2022", charset: "utf8", logLevel: "warning" };
  const [program, styles] = await Promise.all([
    build({
      ...options,
      entryPoints: [here("src/page/page.ts")],
      format: "esm",
      define: { "import.meta.url": JSON.stringify(NOWHERE) },
      loader: { ".jpg": "binary", ".png": "binary" },
      plugins: [opencvWithoutEval((wasm) => (opencv = wasm))],
    }),
    build({ ...options, entryPoints: [here("src/page/page.css")] }),
  ]);
  return { program: program.outputFiles[0].text.trim(), styles: styles.outputFiles[0].text.trim(), opencv };
}

/** A name of the content for a Content-Security-Policy. */
function sha256(text) {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

async function compressed(bytes) {
  return (await promisify(gzip)(bytes, { level: 9 })).toString("base64");
}

/** The template with each {{name}} replaced; every name must be there, and no other. */
function filled(template, values) {
  const used = new Set();
  const text = template.replace(/\{\{(\w+)\}\}/g, (_, name) => {
    if (!(name in values)) throw new Error(`src/page/page.html has {{${name}}}, which the build does not know.`);
    used.add(name);
    return values[name];
  });
  const unused = Object.keys(values).filter((name) => !used.has(name));
  if (unused.length > 0) throw new Error(`src/page/page.html lacks {{${unused.join("}}, {{")}}}.`);
  return text;
}

const { program, styles, opencv } = await bundle();
if (/<\/script|<!--/i.test(program)) throw new Error("The program holds a text that ends a script element.");
const page = filled(await readFile(here("src/page/page.html"), "utf8"), {
  program,
  styles,
  program_sha256: sha256(program),
  styles_sha256: sha256(styles),
  opencv_wasm: await compressed(opencv),
  onnxruntime_wasm: await compressed(await readFile(`${ONNXRUNTIME}/ort-wasm-simd-threaded.wasm`)),
  onnxruntime_webgpu: await compressed(await readFile(`${ONNXRUNTIME}/ort-wasm-simd-threaded.jsep.wasm`)),
});
await mkdir(here("dist"), { recursive: true });
await writeFile(`${OUTPUT}.new`, page);
await rename(`${OUTPUT}.new`, OUTPUT);
console.log(`${OUTPUT}: ${(Buffer.byteLength(page) / 1e6).toFixed(1)} MB`);
