// A chart of uPlot that fits its element's width, and is drawn anew when what it shows changes.

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

export interface ChartProps {
  // What is said of the chart to those who do not see it.
  label: string;
  // All but the width. Must be the same object while nothing of it changes, see useMemo.
  options: Omit<uPlot.Options, "width">;
  data: uPlot.AlignedData;
  // Drawn again with the same data, because what the options' hooks draw depends on these.
  redrawFor?: readonly unknown[];
}

export function Chart({ label, options, data, redrawFor = [] }: ChartProps) {
  const element = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  useEffect(() => {
    const parent = element.current;
    if (parent === null) return;
    const drawn = new uPlot({ ...options, width: parent.clientWidth }, data, parent);
    chart.current = drawn;
    const observer = new ResizeObserver(() => {
      if (parent.clientWidth > 0 && parent.clientWidth !== drawn.width) {
        drawn.setSize({ width: parent.clientWidth, height: options.height });
      }
    });
    observer.observe(parent);
    return () => {
      observer.disconnect();
      drawn.destroy();
      chart.current = null;
    };
  }, [options, data]);
  useEffect(() => {
    chart.current?.redraw(false);
  }, redrawFor);
  return <div class="chart" role="img" aria-label={label} ref={element} />;
}
