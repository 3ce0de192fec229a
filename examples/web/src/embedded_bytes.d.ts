// Small files whose bytes the build puts in the place of their import.

declare module "*.jpg" {
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
}

declare module "*.png" {
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
}
