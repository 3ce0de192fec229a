// The theme's colours for a canvas, which knows no variables of CSS.

import { useEffect, useState } from "preact/hooks";

export type ThemeColour = "ink" | "faint" | "line" | "accent" | "anomaly" | "normal" | "right" | "wrong";

// As rgb(...), by the reader's light or dark setting.
export function colourOf(name: ThemeColour, opacity = 1): string {
  const probe = document.createElement("span");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return opacity === 1 ? colour : colour.replace("rgb(", "rgba(").replace(")", `, ${opacity})`);
}

// Whether it is dark, so that what is drawn can be drawn anew when the reader changes that.
export function useDark(): boolean {
  const query = matchMedia("(prefers-color-scheme: dark)");
  const [dark, setDark] = useState(query.matches);
  useEffect(() => {
    const change = () => setDark(query.matches);
    query.addEventListener("change", change);
    return () => query.removeEventListener("change", change);
  }, []);
  return dark;
}
