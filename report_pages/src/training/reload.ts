// A page of work that goes on is loaded again from disk every few seconds, where the reader was.

import { useEffect, useState } from "preact/hooks";

const EVERY_MS = 5000;

// The browser keeps it with the page over a reload, also where it forbids all storage.
interface Kept {
  scroll: number;
  paused: boolean;
  // What the reader has opened and closed, by its name.
  open: Record<string, boolean>;
}

export function kept(): Kept {
  const state = history.state as Partial<Kept> | null;
  return { scroll: state?.scroll ?? 0, paused: state?.paused ?? false, open: state?.open ?? {} };
}

export function keep(changes: Partial<Kept>): void {
  history.replaceState({ ...kept(), ...changes }, "");
}

// Whether the page may be loaded again by itself: from disk, where it asks no network.
export function isFromDisk(): boolean {
  return location.protocol === "file:";
}

export function reloadHere(): void {
  keep({ scroll: scrollY });
  location.reload();
}

// Loads the page again while the work goes on, unless the reader pauses it or looks at something else.
export function useReload(goesOn: boolean): [paused: boolean, setPaused: (paused: boolean) => void] {
  const [paused, setPaused] = useState(() => kept().paused);
  useEffect(() => {
    if (!goesOn || paused || !isFromDisk()) return;
    const timer = setInterval(() => {
      if (!document.hidden) reloadHere();
    }, EVERY_MS);
    return () => clearInterval(timer);
  }, [goesOn, paused]);
  const change = (now: boolean) => {
    keep({ paused: now });
    setPaused(now);
  };
  return [paused, change];
}

// Charts have their height only after the first effects and what these put off, so that it waits for the next frame.
export function useScrollPosition(): void {
  useEffect(() => {
    history.scrollRestoration = "manual";
    const { scroll } = kept();
    if (scroll > 0) requestAnimationFrame(() => scrollTo(0, scroll));
    const keepPosition = () => keep({ scroll: scrollY });
    addEventListener("pagehide", keepPosition);
    return () => removeEventListener("pagehide", keepPosition);
  }, []);
}
