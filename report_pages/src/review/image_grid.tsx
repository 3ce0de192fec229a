// The images in rows of tiles, of which only those exist that are seen.

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Label } from "./confusion";
import type { Decisions } from "./decisions";
import { ImageTile } from "./image_tile";
import type { Marks } from "./marks";
import type { ReviewSet } from "./review_set";
import { useVirtualRows } from "./virtual_rows";

// In pixels, as in review.css.
const TILE_WIDTH = 172;
const ROW_HEIGHT = 300;
const GAP = 8;

export interface ImageGridProps {
  set: ReviewSet;
  images: readonly number[];
  decisions: Decisions;
  marks: Marks;
  heatmapOf: number | null;
  selected: number | null;
  // Raised whenever the selected image is to get the focus.
  focusRequests: number;
  open: (image: number) => void;
  change: (image: number, mark: Label | null) => void;
}

export function ImageGrid(props: ImageGridProps) {
  const { set, images, decisions, marks, heatmapOf, selected, focusRequests, open, change } = props;
  const element = useRef<HTMLDivElement>(null);
  const { width, start, covered } = usePlace(element);
  const columns = Math.max(1, Math.floor((width + GAP) / (TILE_WIDTH + GAP)));
  const place = selected === null ? -1 : images.indexOf(selected);
  const row = Math.floor(place / columns);
  const rows = useVirtualRows({
    count: width === 0 ? 0 : Math.ceil(images.length / columns),
    height: ROW_HEIGHT,
    start,
    covered,
    always: row,
  });
  // Before the next key comes: it acts on what has the focus.
  useLayoutEffect(() => {
    if (focusRequests === 0 || row < 0) return;
    rows.scrollToIndex(row);
    element.current
      ?.querySelector<HTMLElement>(`[data-image="${selected}"] .open`)
      ?.focus({ preventScroll: true });
  }, [focusRequests]);
  return (
    <div class="grid" ref={element} style={{ height: `${rows.getTotalSize()}px` }}>
      {rows.getVirtualItems().map((item) => (
        <div
          key={item.index}
          class="grid-row"
          style={{
            transform: `translateY(${item.start - start}px)`,
            gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))`,
          }}
        >
          {images.slice(item.index * columns, (item.index + 1) * columns).map((image) => (
            <ImageTile
              key={image}
              set={set}
              image={image}
              decision={decisions[image]!}
              mark={marks.get(image) ?? null}
              heatmapOf={heatmapOf}
              selected={image === selected}
              open={() => open(image)}
              change={(mark) => change(image, mark)}
            />
          ))}
        </div>
      ))}
    </div>
  );
}

// The width of the grid, where it begins on the page, and how much of the window the filters above it cover.
function usePlace(element: { readonly current: HTMLElement | null }): { width: number; start: number; covered: number } {
  const [place, setPlace] = useState({ width: 0, start: 0, covered: 0 });
  useLayoutEffect(() => {
    const measure = () => {
      const grid = element.current;
      if (grid === null) return;
      const { width, top } = grid.getBoundingClientRect();
      const filters = grid.parentElement?.querySelector<HTMLElement>(".filters") ?? null;
      const sticky = filters !== null && getComputedStyle(filters).position === "sticky";
      const found = { width, start: top + scrollY, covered: sticky ? filters.offsetHeight + GAP : 0 };
      setPlace((known) =>
        known.width === found.width && known.start === found.start && known.covered === found.covered ? known : found,
      );
    };
    measure();
    // All that moves the grid makes the page longer or shorter, or is a window of another size.
    const observer = new ResizeObserver(measure);
    observer.observe(document.body);
    return () => observer.disconnect();
  }, []);
  return place;
}
