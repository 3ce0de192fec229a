// The colours of theme.css as a canvas takes them, which knows no variables; anew when the reader's setting changes.

import { useEffect, useState } from "preact/hooks";

const NAMES = ["paper", "line", "ink", "faint", "accent", "anomaly", "normal", "right", "wrong"] as const;

export type Colours = Record<(typeof NAMES)[number], string>;

export function useColours(): Colours {
  const [colours, setColours] = useState(resolvedColours);
  useEffect(() => {
    const setting = matchMedia("(prefers-color-scheme: dark)");
    const read = () => setColours(resolvedColours());
    setting.addEventListener("change", read);
    return () => setting.removeEventListener("change", read);
  }, []);
  return colours;
}

function resolvedColours(): Colours {
  const probe = document.createElement("span");
  document.body.append(probe);
  const resolved = NAMES.map((name) => {
    probe.style.color = `var(--${name})`;
    return [name, getComputedStyle(probe).color];
  });
  probe.remove();
  return Object.fromEntries(resolved) as Colours;
}
