// The scores of both classes as shares of their class, so that a rare one is seen, too.

import { useMemo } from "preact/hooks";
import uPlot from "uplot";
import { Chart } from "../shared/chart";
import { type Colours, useColours } from "../shared/colours";
import { axis, CHART_HEIGHT, type ColourName, drawn, translucent, verticalLine } from "./chart_style";
import { significant } from "./numbers";
import { useWords } from "./texts";
import type { Result } from "./training_data";

// Where the axis has its marks, as far as they are in sight.
const PROBABILITIES = [1e-12, 1e-9, 1e-6, 1e-4, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 1 - 1e-6, 1 - 1e-9];
const FEWEST_MARKS = 3;
// What a mark's words take, in pixels.
const MARK_WIDTH = 62;

export function ScoreHistogram({ result, chosenHere }: { result: Result; chosenHere: boolean }) {
  const { text } = useWords();
  const colours = useColours();
  const { histogram, validation, threshold_choice } = result;
  const interval = chosenHere ? (threshold_choice?.interval ?? null) : null;
  const [normal, anomalous] = [text("normal"), text("anomalous")];
  const [probability, share] = [text("probability"), text("share_of_class")];
  const data = useMemo(
    () => [histogram.edges, shares(histogram.normal), shares(histogram.anomalous)] as uPlot.AlignedData,
    [histogram],
  );
  const options = useMemo<Omit<uPlot.Options, "width">>(() => {
    const threshold = logitOf(validation.threshold);
    return {
      height: CHART_HEIGHT + 40,
      scales: {
        x: { time: false, range: (_, low, high) => withThreshold(low, high, threshold) },
        y: { range: (_, __, high) => [0, high * 1.05] },
      },
      axes: [
        axis(colours, probability, {
          splits: (chart, _, low, high) => marks(low, high, chart.width),
          values: (_, logits) => logits.map(probabilityMark),
        }),
        axis(colours, share, { size: 56, values: (_, values) => values.map((value) => `${significant(value, 3)} %`) }),
      ],
      series: [
        { label: probability, value: (_, logit) => (logit === null ? "–" : `≥ ${probabilityMark(logit)}`) },
        bars(colours, normal, "normal", histogram.normal),
        bars(colours, anomalous, "anomaly", histogram.anomalous),
      ],
      hooks: {
        drawClear: [
          drawn((chart, context) => {
            if (interval === null || interval[0] === null || interval[1] === null) return;
            const from = chart.valToPos(logitOf(interval[0]), "x", true);
            const to = chart.valToPos(logitOf(interval[1]), "x", true);
            context.fillStyle = translucent(colours.faint, 0.2);
            context.fillRect(from, chart.bbox.top, Math.max(to - from, 1), chart.bbox.height);
          }),
        ],
        draw: [
          drawn((chart, context) => {
            context.strokeStyle = colours.ink;
            verticalLine(chart, context, threshold, []);
          }),
        ],
      },
    };
  }, [histogram, normal, anomalous, probability, share, colours]);
  return (
    <figure class="histogram">
      <figcaption>{text("histogram")}</figcaption>
      <Chart label={text("histogram")} options={options} data={data} />
      <p class="faint">{text(chosenHere ? "histogram_note" : "histogram_note_kept")}</p>
    </figure>
  );
}

// In per cent of the class; the last edge ends the last bin.
function shares(counts: number[]): number[] {
  const all = counts.reduce((sum, count) => sum + count, 0);
  const each = counts.map((count) => (100 * count) / Math.max(all, 1));
  return [...each, each.at(-1) ?? 0];
}

function bars(colours: Colours, label: string, colour: ColourName, counts: number[]): uPlot.Series {
  const stepped = uPlot.paths.stepped;
  return {
    label,
    stroke: colours[colour],
    fill: translucent(colours[colour], 0.28),
    width: 1.5,
    points: { show: false },
    ...(stepped !== undefined && { paths: stepped({ align: 1 }) }),
    value: (_, share, __, bin) =>
      share === null || bin === null ? "–" : `${counts[bin] ?? 0} (${significant(share, 3)} %)`,
  };
}

function logitOf(probability: number): number {
  return Math.log(probability / (1 - probability));
}

// All scores, and the threshold with some room beside it.
function withThreshold(low: number, high: number, threshold: number): [number, number] {
  const room = Math.max(high - low, 1) / 20;
  if (!Number.isFinite(threshold)) return [low - room, high + room];
  return [Math.min(low, threshold) - room, Math.max(high, threshold) + room];
}

// Probabilities that people know, or where too few of them are in sight, evenly spaced scores.
function marks(low: number, high: number, width: number): number[] {
  const apart = ((high - low) * MARK_WIDTH) / width;
  const known: number[] = [];
  for (const logit of PROBABILITIES.map(logitOf).filter((logit) => logit >= low && logit <= high)) {
    if (logit - (known.at(-1) ?? -Infinity) >= apart) known.push(logit);
  }
  if (known.length >= FEWEST_MARKS) return known;
  return [0.1, 0.3, 0.5, 0.7, 0.9].map((share) => low + share * (high - low));
}

function probabilityMark(logit: number): string {
  const probability = 1 / (1 + Math.exp(-logit));
  if (probability > 0.9999) return `1 − ${significant(1 / (1 + Math.exp(logit)), 1)}`;
  return probability < 0.001 ? significant(probability, 1) : `${significant(100 * probability, 3)} %`;
}
