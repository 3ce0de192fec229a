// Builds each page of src/ into one HTML file without network, which a Python package carries and fills in.
//
//   node build.mjs           writes the pages where the packages carry them
//   node build.mjs --check   fails where a page is not what the sources build to, and writes nothing

import { createHash } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const HERE = dirname(fileURLToPath(import.meta.url));
const PROJECT = dirname(HERE);
// Each page by its folder in src/, and where the package has it that fills it in.
const PAGES = {
  review: "crbl_runtime/report/review.html",
  training: "training/crbl_training/report/training.html",
  parity: "crbl_export/parity/report_page/parity.html",
};
// Where Python puts the data and the pictures, see crbl_runtime/report/page.py.
const FILLED_IN = "<!-- filled in -->";

const options = process.argv.slice(2);
if (options.some((option) => option !== "--check")) {
  console.error(`Unknown option among ${options.join(" ")}. Expected nothing, or --check.`);
  process.exit(2);
}

const different = [];
for (const [page, target] of Object.entries(PAGES)) {
  const path = join(PROJECT, target);
  const html = await pageOf(page);
  const before = existsSync(path) ? readFileSync(path, "utf8") : "";
  if (html !== before) different.push(target);
  if (options.includes("--check")) continue;
  writeFileSync(`${path}.new`, html);
  renameSync(`${path}.new`, path);
  console.log(`${target}: ${Math.ceil(html.length / 1024)} kB`);
}
if (options.includes("--check") && different.length > 0) {
  console.error(`Not what the sources build to: ${different.join(", ")}. Run npm run build in report_pages.`);
  process.exit(1);
}

async function pageOf(page) {
  const { outputFiles, metafile } = await build({
    entryPoints: [join(HERE, "src", page, "main.tsx")],
    outdir: join(HERE, "built"),
    absWorkingDir: HERE,
    bundle: true,
    write: false,
    minify: true,
    metafile: true,
    format: "iife",
    target: "es2022",
    charset: "utf8",
    jsx: "automatic",
    jsxImportSource: "preact",
    legalComments: "none",
    logLevel: "warning",
  });
  const text = (ending) => outputFiles.find((file) => file.path.endsWith(ending)).text.trim();
  const [script, style] = [text(".js"), text(".css")];
  // Nothing is loaded, and no script runs but this one: neither from the names of files nor from what was measured.
  const policy = [
    "default-src 'none'",
    `script-src '${hashOf(script)}'`,
    `style-src '${hashOf(style)}'`,
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
  ].join("; ");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>CRBL</title>
${licences(Object.keys(metafile.inputs))}
<style>${style}</style>
</head>
<body>
<noscript>This page shows its data with JavaScript, which is switched off. 이 페이지를 보려면 자바스크립트를 켜십시오.</noscript>
<div id="page"></div>
<script type="application/json" id="data">${FILLED_IN}</script>
<script type="text/plain" id="pictures">${FILLED_IN}</script>
<script>${script}</script>
</body>
</html>
`;
}

function hashOf(text) {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}

// The licences of the packages whose code is in the page, which ask for it.
function licences(inputs) {
  const folders = new Set(
    inputs.flatMap((input) => input.match(/^node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0] ?? []),
  );
  return [...folders].sort().map((folder) => {
    const { name, version } = JSON.parse(readFileSync(join(HERE, folder, "package.json"), "utf8"));
    const licence = readFileSync(join(HERE, folder, "LICENSE"), "utf8").trim();
    if (licence.includes("--")) throw new Error(`The licence of ${name} cannot stand in a comment of HTML.`);
    return `<!-- ${name} ${version}\n\n${licence}\n-->`;
  }).join("\n");
}
