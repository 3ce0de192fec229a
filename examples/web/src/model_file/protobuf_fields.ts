// The fields of a protobuf message, without copies, and without a length that is believed.
//
// The wire format is described at protobuf.dev/programming-guides/encoding.

const VARINT = 0;
const EIGHT_BYTES = 1;
const LENGTH = 2;
const FOUR_BYTES = 5;

/** Bytes that are no message. */
export class WireFormatError extends Error {}

export interface Field {
  number: number;
  /** Of a field with a length; null for numbers, which nobody asks for here. */
  content: Uint8Array | null;
}

/** Each field of a message, in order. Throws a WireFormatError where the bytes are no message. */
export function* protobufFields(message: Uint8Array): Generator<Field> {
  let position = 0;
  while (position < message.length) {
    const key = varint(message, position);
    position = key.end;
    const wireType = key.value % 8;
    const number = Math.floor(key.value / 8);
    if (number === 0) throw new WireFormatError("a field has the number 0");
    if (wireType === VARINT) {
      position = varint(message, position).end;
      yield { number, content: null };
      continue;
    }
    const { start, length } = extent(message, position, wireType);
    if (length > message.length - start) throw new WireFormatError("a field is longer than what follows");
    position = start + length;
    yield { number, content: wireType === LENGTH ? message.subarray(start, position) : null };
  }
}

function extent(message: Uint8Array, position: number, wireType: number): { start: number; length: number } {
  if (wireType === FOUR_BYTES) return { start: position, length: 4 };
  if (wireType === EIGHT_BYTES) return { start: position, length: 8 };
  if (wireType !== LENGTH) throw new WireFormatError(`a field has the wire type ${wireType}`);
  const length = varint(message, position);
  return { start: length.end, length: length.value };
}

/** The integer that starts at a position. Those beyond 2^53 are rounded, which no length of a file reaches. */
function varint(message: Uint8Array, position: number): { value: number; end: number } {
  let value = 0;
  for (let place = 0; place < 10; place++) {
    const byte = message[position + place];
    if (byte === undefined) break;
    value += (byte & 0x7f) * 2 ** (7 * place);
    if (byte < 0x80) return { value, end: position + place + 1 };
  }
  throw new WireFormatError("an integer does not end");
}
