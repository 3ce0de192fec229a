// What Python has filled into the page: one JSON value, and pictures, a line each.

export function readData<Data>(): Data {
  return JSON.parse(contentOf("data")) as Data;
}

// The pictures as URLs, in the order of the data; one is made into a string only when it is shown.
export function readPictures(): (number: number) => string {
  const lines = contentOf("pictures").split("\n");
  return (number) => `data:image/${lines[number] ?? ""}`;
}

function contentOf(id: string): string {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`The page has no element ${id}.`);
  return element.textContent ?? "";
}
