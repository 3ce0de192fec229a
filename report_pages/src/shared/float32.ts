// float32 values, little endian, as base64: exactly those that the model gave, in a third of the room.

export function floats(base64: string): Float32Array {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}
