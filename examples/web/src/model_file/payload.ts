// A model file carries the SHA-256 of itself, with the hash's own 64 characters written as zeros.

import { ModelFileError } from "../errors";
import { sha256 } from "../sha256";

const FIELD = new TextEncoder().encode('"payload_sha256": "');
const HASH_LENGTH = 64;
const ZERO = 0x30;

/** The hash that the file carries, once it is known to be right. Throws a ModelFileError where it is not. */
export async function checkPayload(content: Uint8Array<ArrayBuffer>, name: string): Promise<string> {
  const starts = fieldEnds(content);
  const start = starts[0];
  if (start === undefined) throw new ModelFileError((texts) => texts.noCrblModel(name));
  if (starts.length > 1) throw new ModelFileError((texts) => texts.severalHashes(name, starts.length));
  const recorded = new TextDecoder("latin1").decode(content.subarray(start, start + HASH_LENGTH));
  const zeroed = content.slice();
  zeroed.fill(ZERO, start, start + HASH_LENGTH);
  const actual = await sha256(zeroed);
  if (recorded !== actual) {
    throw new ModelFileError((texts) => texts.damagedModel(name, actual.slice(0, 12), recorded.slice(0, 12)));
  }
  return recorded;
}

/** The position after each occurrence of the field's name. */
function fieldEnds(content: Uint8Array): number[] {
  const ends: number[] = [];
  const first = FIELD[0] as number;
  for (let at = content.indexOf(first); at !== -1; at = content.indexOf(first, at + 1)) {
    if (FIELD.every((byte, index) => content[at + index] === byte)) ends.push(at + FIELD.length);
  }
  return ends;
}
