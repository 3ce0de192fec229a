// A model file, read and checked before onnxruntime sees it.

import { ModelFileError } from "../errors";
import { parseContract, type Contract } from "./contract";
import { metadataOf } from "./metadata";
import { checkPayload } from "./payload";
import { WireFormatError } from "./protobuf_fields";

const METADATA_KEY = "crbl";
// crbl-export's files have 39 MB.
const LARGEST_MODEL_FILE = 128 * 2 ** 20;

export interface ModelFile {
  name: string;
  content: Uint8Array<ArrayBuffer>;
  contract: Contract;
}

/** A file of which nothing was changed since crbl-export wrote it. Throws a ModelFileError where it is none. */
export async function readModelFile(file: File): Promise<ModelFile> {
  const name = file.name;
  if (file.size > LARGEST_MODEL_FILE) {
    throw new ModelFileError((texts) => texts.modelTooLarge(name, file.size, LARGEST_MODEL_FILE));
  }
  const content = await bytesOf(file);
  const hash = await checkPayload(content, name);
  const contract = parseContract(contractText(content, name), name);
  if (contract.payload_sha256 !== hash) {
    throw new ModelFileError((texts) => texts.damagedContract(name, "payload_sha256"));
  }
  return { name, content, contract };
}

async function bytesOf(file: File): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch {
    throw new ModelFileError((texts) => texts.unreadable(file.name));
  }
}

function contractText(content: Uint8Array, name: string): string {
  try {
    const [text, ...more] = metadataOf(content, METADATA_KEY);
    if (text !== undefined && more.length === 0) return text;
  } catch (error) {
    if (!(error instanceof WireFormatError)) throw error;
  }
  throw new ModelFileError((texts) => texts.noCrblModel(name));
}
