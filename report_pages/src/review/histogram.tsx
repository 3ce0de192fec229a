// How many images have which score: normal and unlabelled ones above the line, anomalies below it. Counts are drawn by
// their square root, so that few anomalies are seen beside many normal images; the scale has the counts.

import { useMemo, useRef } from "preact/hooks";
import uPlot from "uplot";
import { Chart } from "../shared/chart";
import type { Colours } from "../shared/colours";
import { binsOf } from "./bins";
import type { Labels } from "./confusion";
import { logOddsOf, probabilityOf } from "./log_odds";
import { numberText } from "./number_text";
import type { Model } from "./review_set";
import { useTexts } from "./texts";

const HEIGHT = 118;
const SIDE_AXIS = 40;
const RIGHT = 20;
const FONT = "11px system-ui, sans-serif";
// In CSS pixels.
const LABEL_ROOM = 44;

export interface HistogramProps {
  model: Model;
  labels: Labels | null;
  threshold: number;
  colours: Colours;
}

export function Histogram({ model, labels, threshold, colours }: HistogramProps) {
  const texts = useTexts();
  const line = useRef(0);
  line.current = logOddsOf(threshold);
  const bins = useMemo(() => binsOf(model.data.logits, labels, model.logOddsRange), [model, labels]);
  const data = useMemo<uPlot.AlignedData>(() => {
    const above = bins.normal.map((normal, bin) => Math.sqrt(normal + bins.unlabelled[bin]!));
    const drawn = [above, bins.normal.map(Math.sqrt), bins.anomaly.map((count) => -Math.sqrt(count))];
    // A bar of height 0 would be drawn as a line.
    return [bins.starts, ...drawn.map((heights) => heights.map((height) => (height === 0 ? null : height)))];
  }, [bins]);
  const options = useMemo(() => optionsOf(model, data, colours, line), [model, data, colours]);
  return (
    <>
      <p class="legend">
        {labels === null || bins.unlabelled.some((count) => count > 0) ? (
          <span class="swatch unlabelled">{labels === null ? texts.images : texts.unlabelled}</span>
        ) : null}
        {labels !== null && <span class="swatch normal">{texts.normal}</span>}
        {labels !== null && <span class="swatch anomaly">{texts.anomaly}</span>}
      </p>
      <Chart label={texts.histogram(model.data.variant)} options={options} data={data} redrawFor={[threshold]} />
    </>
  );
}

function optionsOf(
  model: Model,
  data: uPlot.AlignedData,
  colours: Colours,
  line: { readonly current: number },
): Omit<uPlot.Options, "width"> {
  const [low, high] = model.logOddsRange;
  const highest = Math.max(1, ...(data[1] as (number | null)[]).map(Number));
  const lowest = Math.min(0, ...(data[3] as (number | null)[]).map(Number));
  const axis = { stroke: colours.faint, font: FONT, ticks: { stroke: colours.line, size: 4 } };
  const bars = uPlot.paths.bars!({ align: 1, size: [1, Infinity], gap: 1 });
  const series = (colour: string): uPlot.Series => ({ paths: bars, fill: colour, width: 0, points: { show: false } });
  return {
    height: HEIGHT,
    padding: [6, RIGHT, 0, 0],
    legend: { show: false },
    cursor: { show: false },
    scales: { x: { time: false, range: [low, high] }, y: { range: [lowest * 1.05, highest * 1.05] } },
    series: [{}, series(colours.faint), series(colours.normal), series(colours.anomaly)],
    axes: [
      {
        ...axis,
        size: 24,
        gap: 2,
        grid: { show: false },
        splits: (chart) => probabilitySplits(low, high, chart.bbox.width / devicePixelRatio),
        values: (_, splits) => splits.map(splitText),
      },
      {
        ...axis,
        size: SIDE_AXIS,
        gap: 2,
        grid: { stroke: colours.line, width: 1 },
        splits: () => countSplits(lowest, highest),
        values: (_, splits) => splits.map((split) => numberText(Math.round(split * split), 0)),
      },
    ],
    hooks: { draw: [(chart) => drawThreshold(chart, line.current, colours.ink)] },
  };
}

// 0.1, 0.5, 0.9 and powers of ten towards both ends, as many as there is room for.
function probabilitySplits(low: number, high: number, width: number): number[] {
  const ofDecade = Math.LN10 * (width / (high - low));
  const step = Math.max(1, Math.ceil(LABEL_ROOM / ofDecade));
  const splits = [0];
  for (let decade = step; logOddsOf(10 ** -decade) > Math.min(low, -high); decade += step) {
    const split = logOddsOf(10 ** -decade);
    if (split >= low) splits.unshift(split);
    if (-split <= high) splits.push(-split);
  }
  return splits;
}

function splitText(logOdds: number): string {
  if (logOdds === 0) return "0.5";
  const decade = Math.round(-Math.log10(probabilityOf(-Math.abs(logOdds))));
  if (decade > 4) return logOdds < 0 ? `1e−${decade}` : `1−1e−${decade}`;
  return probabilityOf(logOdds).toFixed(decade);
}

function countSplits(lowest: number, highest: number): number[] {
  const roots = [1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000].map(Math.sqrt);
  const far = (limit: number) => roots.filter((root) => root <= limit && root >= (highest - lowest) / 8);
  return [...far(-lowest).map((power) => -power).reverse(), 0, ...far(highest)];
}

function drawThreshold(chart: uPlot, logOdds: number, colour: string): void {
  const { left, top, width, height } = chart.bbox;
  const x = Math.min(left + width, Math.max(left, chart.valToPos(logOdds, "x", true)));
  chart.ctx.save();
  chart.ctx.strokeStyle = colour;
  chart.ctx.lineWidth = 2 * devicePixelRatio;
  chart.ctx.beginPath();
  chart.ctx.moveTo(x, top - 6 * devicePixelRatio);
  chart.ctx.lineTo(x, top + height);
  chart.ctx.stroke();
  chart.ctx.restore();
}
