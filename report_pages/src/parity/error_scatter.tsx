import { useMemo, useState } from "preact/hooks";
import uPlot from "uplot";
import { Chart } from "../shared/chart";
import { type Colours, useColours } from "../shared/colours";
import { Legend } from "./legend";
import { countAxis, decadeAxis, drawLine, fontOf, range } from "./chart_style";
import { errorText } from "./number_text";
import type { ImagesData, ProviderData } from "./parity_data";
import { type Texts, useTexts } from "./texts";

const HEIGHT = 280;
const LABELS = 32;
// In decades, for a name over the highest point.
const ROOM = 0.5;
const POINT = 6;
const LONGEST_NAME = 200;
// Of the name over its point, in pixels.
const ABOVE = 5;

export function ErrorScatter({ provider, images }: { provider: ProviderData; images: ImagesData }) {
  const texts = useTexts();
  const colours = useColours();
  const [pointed, setPointed] = useState<number | null>(null);
  const data = useMemo<uPlot.AlignedData>(
    () => [provider.errors.map((_, image) => image + 1), logarithms(provider.torchErrors), logarithms(provider.errors)],
    [provider],
  );
  const options = useMemo(
    () => chartOptions(provider, images, data, colours, texts, setPointed),
    [provider, images, data, colours, texts],
  );
  if (provider.histogram.edges.length === 0) return null;
  return (
    <section class="scatter">
      <h3>{texts.scatter}</h3>
      <Legend limit={provider.report.limit} />
      <Chart label={`${texts.scatter}: ${texts.scatterAxes}`} options={options} data={data} />
      <p class="pointed">
        {pointed === null ? (
          <span class="faint">
            {texts.scatterAxes}. {texts.pointAt}
          </span>
        ) : (
          <>
            <bdi>{images.names[pointed]}</bdi>: {texts.file} {errorText(provider.errors[pointed] ?? null)}, {texts.torch}{" "}
            {errorText(provider.torchErrors[pointed] ?? null)}
          </>
        )}
      </p>
    </section>
  );
}

// Those of 0 and of what is not a number have no place; the histogram counts them.
function logarithms(errors: (number | null)[]): (number | null)[] {
  return errors.map((error) => (error === null || error === 0 ? null : Math.log10(error)));
}

function chartOptions(
  provider: ProviderData,
  images: ImagesData,
  data: uPlot.AlignedData,
  colours: Colours,
  texts: Texts,
  point: (image: number | null) => void,
): Omit<uPlot.Options, "width"> {
  const { edges } = provider.histogram;
  const limit = provider.report.limit ? Math.log10(provider.report.limit) : null;
  const ends = [edges[0] ?? 0, (edges[edges.length - 1] ?? 1) + ROOM, ...(limit === null ? [] : [limit - 0.5, limit + 0.5])];
  const points = { paths: () => null, width: 1 };
  return {
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 2 * POINT } },
    scales: {
      x: { time: false, range: range(0.5, images.names.length + 0.5) },
      y: { range: range(Math.min(...ends), Math.max(...ends)) },
    },
    axes: [{ ...countAxis(colours), size: LABELS }, { ...decadeAxis(colours), size: 56 }],
    series: [
      {},
      { ...points, points: { show: true, size: POINT, stroke: colours.faint, fill: colours.line, width: 1 } },
      { ...points, stroke: colours.accent, points: { show: true, size: POINT, stroke: colours.accent, fill: colours.accent } },
    ],
    hooks: {
      draw: [
        (chart) => {
          if (limit !== null) {
            drawLine(chart, "y", limit, `${texts.limit} ${errorText(provider.report.limit)}`, colours.anomaly);
          }
          nameLargest(chart, provider, images, data, colours);
        },
      ],
      setCursor: [(chart) => point(chart.cursor.idx ?? null)],
    },
  };
}

function nameLargest(
  chart: uPlot,
  provider: ProviderData,
  images: ImagesData,
  data: uPlot.AlignedData,
  colours: Colours,
): void {
  const image = provider.shown.largestErrors.find((number) => data[2]![number] !== null);
  if (image === undefined) return;
  const { ctx } = chart;
  const [x, y] = [chart.valToPos(image + 1, "x", true), chart.valToPos(data[2]![image]!, "y", true)];
  const onTheRight = x > chart.bbox.left + chart.bbox.width / 2;
  ctx.save();
  ctx.font = fontOf(12);
  ctx.fillStyle = colours.ink;
  const room = onTheRight ? x - chart.bbox.left : chart.bbox.left + chart.bbox.width - x;
  const name = shortened(images.names[image] ?? "", (text) => ctx.measureText(text).width <= room);
  ctx.textAlign = onTheRight ? "right" : "left";
  ctx.textBaseline = "bottom";
  // Other points lie under it.
  ctx.strokeStyle = colours.paper;
  ctx.lineWidth = 4 * uPlot.pxRatio;
  ctx.strokeText(name, x, y - ABOVE * uPlot.pxRatio);
  ctx.fillText(name, x, y - ABOVE * uPlot.pxRatio);
  ctx.restore();
}

// The end of a path tells more than its beginning.
function shortened(name: string, fits: (text: string) => boolean): string {
  if (fits(name)) return name;
  const characters = [...name].slice(-LONGEST_NAME);
  while (characters.length > 0 && !fits(`…${characters.join("")}`)) characters.shift();
  return `…${characters.join("")}`;
}
