import { PageError } from "./errors";

/** SHA-256 as 64 hexadecimal digits. */
export async function sha256(content: Uint8Array<ArrayBuffer>): Promise<string> {
  // Browsers offer it to pages from a folder, from this machine or over HTTPS alone.
  if (!globalThis.crypto?.subtle) throw new PageError((texts) => texts.noCryptography);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
