// Keys that act wherever the focus is, but for fields in which they are typed.

import { useLayoutEffect, useRef } from "preact/hooks";

export function useKeys(actions: Readonly<Record<string, () => void>>): void {
  const current = useRef(actions);
  current.current = actions;
  useLayoutEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTypedInto(event.target)) return;
      const name = nameOf(event);
      if (name === "Enter" && isPressedByEnter(event.target)) return;
      const action = current.current[name];
      if (action === undefined) return;
      event.preventDefault();
      action();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, []);
}

// Where another script than Latin is typed, such as Hangul, the place of the key says which letter is meant.
function nameOf({ key, code }: KeyboardEvent): string {
  if (/^[!-~]$/.test(key)) return key.toLowerCase();
  return /^Key[A-Z]$/.test(code) ? code.slice(3).toLowerCase() : key;
}

function isTypedInto(target: EventTarget | null): boolean {
  if (target instanceof HTMLInputElement) return !["range", "checkbox"].includes(target.type);
  return target instanceof HTMLSelectElement || target instanceof HTMLTextAreaElement;
}

function isPressedByEnter(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest("button, a, summary, input") !== null;
}
