// HTML elements. Text is always text: nothing here takes HTML.

export type Child = Node | string;

export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  className = "",
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const created = document.createElement(tag);
  if (className !== "") created.className = className;
  created.append(...children);
  return created;
}

/** A number as it is read, with the exact one behind it. */
export function number(value: number, shown: string): HTMLDataElement {
  const created = element("data", "", shown);
  created.value = String(value);
  return created;
}

/** A row of a list of terms. */
export function row(term: string, className: string, ...description: Child[]): HTMLElement[] {
  return [element("dt", "", term), element("dd", className, ...description)];
}

/** A threshold with six significant digits. */
export function threshold(value: number): HTMLDataElement {
  return number(value, String(Number(value.toPrecision(6))));
}
