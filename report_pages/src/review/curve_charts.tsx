// The ROC and the precision-recall curves of the models, and where the present thresholds are on them.

import { useMemo, useRef } from "preact/hooks";
import type uPlot from "uplot";
import { Chart } from "../shared/chart";
import type { Colours } from "../shared/colours";
import { metricsOf } from "./confusion";
import type { Curve } from "./curves";
import type { Measured } from "./measured";
import { shareText } from "./number_text";
import { nameOf, useTexts } from "./texts";

const HEIGHT = 210;
const FONT = "11px system-ui, sans-serif";
const SPLITS = [0, 0.25, 0.5, 0.75, 1];
const MARK_RADIUS = 5;

// Where the threshold is on a chart: null where a share is 0 / 0.
interface Mark {
  name: Measured["name"];
  x: number | null;
  y: number | null;
}

export function CurveCharts({ measured, colours }: { measured: readonly Measured[]; colours: Colours }) {
  const texts = useTexts();
  const models = measured.flatMap((each) => (each.curves === null ? [] : [{ ...each, curves: each.curves }]));
  const roc = useMemo(() => aligned(models.map(({ curves }) => curves.roc)), models.map(({ curves }) => curves));
  const precisionRecall = useMemo(
    () => aligned(models.map(({ curves }) => curves.precisionRecall)),
    models.map(({ curves }) => curves),
  );
  const metrics = measured.flatMap(({ name, confusion }) =>
    confusion === null ? [] : [{ name, ...metricsOf(confusion) }],
  );
  return (
    <>
      <div class="curves">
        <CurveChart
          title={texts.roc}
          axes={texts.rocAxes}
          data={roc}
          marks={metrics.map(({ name, falseAlarmRate, recall }) => ({ name, x: falseAlarmRate, y: recall }))}
          colours={colours}
        />
        <CurveChart
          title={texts.precisionRecall}
          axes={texts.precisionRecallAxes}
          data={precisionRecall}
          marks={metrics.map(({ name, recall, precision }) => ({ name, x: recall, y: precision }))}
          colours={colours}
        />
      </div>
      {measured.length > 1 && (
        <p class="legend">
          {measured.map(({ name }) => (
            <span key={name} class={`swatch line ${name}`}>
              {nameOf(texts, name)}
            </span>
          ))}
        </p>
      )}
    </>
  );
}

interface CurveChartProps {
  title: string;
  axes: string;
  data: uPlot.AlignedData;
  marks: readonly Mark[];
  colours: Colours;
}

function CurveChart({ title, axes, data, marks, colours }: CurveChartProps) {
  const texts = useTexts();
  const shown = useRef(marks);
  shown.current = marks;
  const options = useMemo(() => optionsOf(data.length - 1, colours, shown), [data, colours]);
  const where = marks.map(({ name, x, y }) => `${nameOf(texts, name)} (${shareText(x)}, ${shareText(y)})`);
  return (
    <figure>
      <figcaption>
        {title} <span class="faint">{axes}</span>
      </figcaption>
      <Chart
        label={`${title}; ${axes}; ${texts.here(where.join(", "))}`}
        options={options}
        data={data}
        redrawFor={marks.flatMap(({ x, y }) => [x, y])}
      />
    </figure>
  );
}

// Several curves over one axis, as uPlot has them: each has nothing where the points are another's.
function aligned(curves: readonly Curve[]): uPlot.AlignedData {
  const points = curves.flatMap(({ x, y }, curve) => x.map((value, place) => ({ x: value, y: y[place]!, curve })));
  points.sort((one, other) => one.x - other.x);
  return [
    points.map(({ x }) => x),
    ...curves.map((_, curve) => points.map((point) => (point.curve === curve ? point.y : null))),
  ];
}

function optionsOf(
  curves: number,
  colours: Colours,
  marks: { readonly current: readonly Mark[] },
): Omit<uPlot.Options, "width"> {
  const lines = [colours.accent, colours.wrong];
  const axis = {
    stroke: colours.faint,
    font: FONT,
    gap: 2,
    grid: { stroke: colours.line, width: 1 },
    ticks: { show: false },
    splits: () => SPLITS,
    values: (_: uPlot, splits: number[]) => splits.map(String),
  };
  const scale = { time: false, range: [0, 1] as [number, number] };
  return {
    height: HEIGHT,
    padding: [8, 12, 0, 0],
    legend: { show: false },
    cursor: { show: false },
    scales: { x: scale, y: scale },
    series: [
      {},
      ...lines.slice(0, curves).map((colour, curve) => ({
        stroke: colour,
        width: 1.5,
        dash: curve === 0 ? [] : [6, 3],
        spanGaps: true,
        points: { show: false },
      })),
    ],
    axes: [
      { ...axis, size: 20 },
      { ...axis, size: 34 },
    ],
    hooks: {
      draw: [
        (chart) => marks.current.forEach((mark, place) => drawMark(chart, mark, lines[place] ?? colours.ink, colours)),
      ],
    },
  };
}

function drawMark(chart: uPlot, { name, x, y }: Mark, colour: string, { paper }: Colours): void {
  if (x === null || y === null) return;
  const [left, top] = [chart.valToPos(x, "x", true), chart.valToPos(y, "y", true)];
  const radius = MARK_RADIUS * devicePixelRatio;
  chart.ctx.save();
  chart.ctx.beginPath();
  // Not the dashes of the line drawn last.
  chart.ctx.setLineDash([]);
  chart.ctx.lineWidth = 1.5 * devicePixelRatio;
  if (name === "combined") {
    // On no curve, and often where one of the models is: a square that a disc is seen in.
    const half = radius * 1.6;
    chart.ctx.rect(left - half, top - half, 2 * half, 2 * half);
    chart.ctx.strokeStyle = colour;
  } else {
    chart.ctx.arc(left, top, radius, 0, 2 * Math.PI);
    chart.ctx.fillStyle = colour;
    chart.ctx.fill();
    chart.ctx.strokeStyle = paper;
  }
  chart.ctx.stroke();
  chart.ctx.restore();
}
