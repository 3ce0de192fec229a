// Which rows of a long list are drawn: those that are seen while the window is scrolled, and one that is always drawn.

import {
  defaultRangeExtractor,
  observeWindowOffset,
  observeWindowRect,
  Virtualizer,
  windowScroll,
  type VirtualizerOptions,
} from "@tanstack/virtual-core";
import { useLayoutEffect, useReducer, useState } from "preact/hooks";

export interface RowsProps {
  count: number;
  // In pixels, of every row.
  height: number;
  // Where the list begins on the page, and what covers the top of the window, in pixels.
  start: number;
  covered: number;
  // Such as the row of what has the focus; -1 for none.
  always: number;
}

const OVERSCAN = 2;

export function useVirtualRows({ count, height, start, covered, always }: RowsProps): Virtualizer<Window, Element> {
  const [, drawAgain] = useReducer<number, void>((times) => times + 1, 0);
  const options: VirtualizerOptions<Window, Element> = {
    count,
    estimateSize: () => height,
    scrollMargin: start,
    scrollPaddingStart: covered,
    overscan: OVERSCAN,
    getScrollElement: () => window,
    observeElementRect: observeWindowRect,
    observeElementOffset: observeWindowOffset,
    scrollToFn: windowScroll,
    onChange: () => drawAgain(),
    rangeExtractor: (range) => {
      const rows = defaultRangeExtractor(range);
      return always < 0 || always >= count || rows.includes(always) ? rows : [...rows, always];
    },
  };
  const [virtualizer] = useState(() => new Virtualizer(options));
  virtualizer.setOptions(options);
  useLayoutEffect(() => virtualizer._didMount(), []);
  useLayoutEffect(() => virtualizer._willUpdate());
  useLayoutEffect(() => virtualizer.measure(), [height]);
  return virtualizer;
}
