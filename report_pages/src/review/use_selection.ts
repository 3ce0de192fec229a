// The image that keys act on.

import { useRef, useState } from "preact/hooks";

export interface Selection {
  image: number | null;
  // Its place among the images shown, from 0; -1 where it is none of them.
  place: number;
  select: (image: number) => void;
  step: (by: 1 | -1) => void;
}

export function useSelection(shown: readonly number[]): Selection {
  const [image, select] = useState<number | null>(null);
  const lastPlace = useRef(-1);
  const place = image === null ? -1 : shown.indexOf(image);
  if (place >= 0) lastPlace.current = place;

  function step(by: 1 | -1): void {
    // Where the selected image is shown no more, another has taken its place, and is the next.
    const from = place >= 0 ? place : lastPlace.current - Number(by > 0);
    const next = shown[Math.min(shown.length - 1, Math.max(0, from + by))];
    if (next !== undefined) select(next);
  }

  return { image, place, select, step };
}
