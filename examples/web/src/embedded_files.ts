// What the build has put into the page beside its program: files, compressed with gzip and written in base64.

/** The content of the element with that id. */
export async function embeddedFile(id: string): Promise<ArrayBuffer> {
  const element = document.getElementById(id);
  const compressed = Uint8Array.from(atob(element?.textContent ?? ""), (character) => character.charCodeAt(0));
  element?.remove();
  const stream = new Blob([compressed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}
