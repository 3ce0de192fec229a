// The metadata of an ONNX file: texts by name, beside the graph.

import { protobufFields, type Field } from "./protobuf_fields";

// Of onnx.proto3: ModelProto.metadata_props, and the two fields of a StringStringEntryProto.
const METADATA_PROPS = 14;
const KEY = 1;
const VALUE = 2;

/** The texts of that name, of which a sound file has one. Throws a WireFormatError where the bytes are no message. */
export function metadataOf(onnxFile: Uint8Array, name: string): string[] {
  const texts: string[] = [];
  for (const field of protobufFields(onnxFile)) {
    if (field.number !== METADATA_PROPS || field.content === null) continue;
    const entry = [...protobufFields(field.content)];
    if (text(entry, KEY) === name) texts.push(text(entry, VALUE));
  }
  return texts;
}

function text(entry: Field[], number: number): string {
  const found = entry.find((field) => field.number === number);
  return new TextDecoder().decode(found?.content ?? new Uint8Array());
}
