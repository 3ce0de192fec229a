// Marks that are made, undone and removed, and kept after each change.

import { useEffect, useRef, useState } from "preact/hooks";
import type { Label } from "./confusion";
import { keyOf, loadMarks, storeMarks, type Marks, type Problem } from "./marks";

export interface MarksInUse {
  marks: Marks;
  problem: Problem | null;
  // null removes a mark.
  change: (image: number, mark: Label | null) => void;
  removeAll: () => void;
  // The image whose mark came or went last; null where nothing was left to undo.
  undo: () => number | null;
}

type Changes = readonly (readonly [image: number, mark: Label | null])[];

export function useMarks(id: string): MarksInUse {
  const [stored, setStored] = useState(() => loadMarks(id));
  // The same, also between two changes that come before the page is drawn again.
  const marks = useRef(stored.marks);
  // What takes each change back, the last one at the end.
  const takenBackBy = useRef<Changes[]>([]);

  useEffect(() => {
    // Another window shows the same page: its marks are these.
    const read = (event: StorageEvent) => {
      if (event.key !== keyOf(id)) return;
      const loaded = loadMarks(id);
      marks.current = loaded.marks;
      setStored(loaded);
    };
    addEventListener("storage", read);
    return () => removeEventListener("storage", read);
  }, [id]);

  function make(changes: Changes): void {
    const changed = new Map(marks.current);
    for (const [image, mark] of changes) {
      if (mark === null) changed.delete(image);
      else changed.set(image, mark);
    }
    marks.current = changed;
    setStored({ marks: changed, problem: storeMarks(id, changed) ? null : "forbidden" });
  }

  function change(image: number, mark: Label | null): void {
    takenBackBy.current.push([[image, marks.current.get(image) ?? null]]);
    make([[image, mark]]);
  }

  function removeAll(): void {
    const all = [...marks.current];
    takenBackBy.current.push(all);
    make(all.map(([image]) => [image, null]));
  }

  function undo(): number | null {
    const changes = takenBackBy.current.pop();
    if (changes === undefined) return null;
    make(changes);
    return changes[0]?.[0] ?? null;
  }

  return { ...stored, change, removeAll, undo };
}
