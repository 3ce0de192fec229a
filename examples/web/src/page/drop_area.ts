// Where files come from: dropped anywhere on the page, or chosen.

import type { Texts } from "../texts/texts";
import { element } from "./elements";

/** Hand over all files that are dropped on the page, in place of what browsers do with them: to open them. */
export function onFilesDropped(take: (files: File[]) => void): void {
  for (const kind of ["dragover", "drop"] as const) {
    document.addEventListener(kind, (event) => event.preventDefault());
  }
  document.addEventListener("dragover", () => document.body.classList.add("dropping"));
  for (const kind of ["dragleave", "drop"] as const) {
    document.addEventListener(kind, () => document.body.classList.remove("dropping"));
  }
  document.addEventListener("drop", (event) => take([...(event.dataTransfer?.files ?? [])]));
}

export function dropArea(texts: Texts, take: (files: File[]) => void): HTMLElement {
  const input = element("input");
  input.type = "file";
  input.multiple = true;
  input.addEventListener("change", () => {
    take([...(input.files ?? [])]);
    input.value = "";
  });
  const button = element("span", "button", texts.choose);
  return element("label", "drop", element("span", "", texts.drop), input, button);
}
