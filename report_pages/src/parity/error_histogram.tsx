import { useMemo } from "preact/hooks";
import uPlot from "uplot";
import { Chart } from "../shared/chart";
import { type Colours, useColours } from "../shared/colours";
import { Legend } from "./legend";
import { countAxis, decadeAxis, drawLine, range } from "./chart_style";
import { errorText } from "./number_text";
import type { ProviderData } from "./parity_data";
import { type Texts, useTexts } from "./texts";

const HEIGHT = 260;
const LABELS = 32;
// Two bars share a bin, with a little room to the next one.
const BAR = 0.44;

export function ErrorHistogram({ provider }: { provider: ProviderData }) {
  const texts = useTexts();
  const colours = useColours();
  const { histogram, report } = provider;
  const options = useMemo(() => chartOptions(provider, colours, texts), [provider, colours, texts]);
  const data = useMemo<uPlot.AlignedData>(() => {
    const centres = histogram.onnx.map((_, bin) => (histogram.edges[bin]! + histogram.edges[bin + 1]!) / 2);
    return [centres, bars(histogram.torch), bars(histogram.onnx)];
  }, [histogram]);
  return (
    <section class="histogram">
      <h3>{texts.histogram}</h3>
      {histogram.edges.length === 0 ? (
        <p>{texts.nothingToDraw}</p>
      ) : (
        <>
          <Legend limit={report.limit} />
          <Chart label={`${texts.histogram}: ${texts.histogramAxes}`} options={options} data={data} />
          <p class="faint">{texts.histogramAxes}</p>
        </>
      )}
      {report.limit === 0 && <p class="faint">{texts.noLimitLine}</p>}
      {histogram.zero.onnx + histogram.zero.torch > 0 && (
        <p class="faint">{texts.exactlyZero(histogram.zero.onnx, histogram.zero.torch)}</p>
      )}
      {histogram.notFinite.onnx + histogram.notFinite.torch > 0 && (
        <p class="faint">{texts.notNumbers(histogram.notFinite.onnx, histogram.notFinite.torch)}</p>
      )}
    </section>
  );
}

function chartOptions(provider: ProviderData, colours: Colours, texts: Texts): Omit<uPlot.Options, "width"> {
  const { edges } = provider.histogram;
  const limit = provider.report.limit ? Math.log10(provider.report.limit) : null;
  const ends = [edges[0] ?? 0, edges[edges.length - 1] ?? 1, ...(limit === null ? [] : [limit - 0.5, limit + 0.5])];
  const paths = (align: -1 | 1) => uPlot.paths.bars!({ size: [BAR], align });
  return {
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    scales: { x: { time: false, range: range(Math.min(...ends), Math.max(...ends)) }, y: { range: countRange } },
    axes: [{ ...decadeAxis(colours), size: LABELS }, { ...countAxis(colours), size: 46 }],
    series: [
      {},
      { paths: paths(-1), points: { show: false }, stroke: colours.faint, fill: colours.line, width: 1.5 },
      { paths: paths(1), points: { show: false }, stroke: colours.accent, fill: colours.accent, width: 1.5 },
    ],
    hooks: {
      draw: [
        (chart) => {
          if (limit === null) return;
          drawLine(chart, "x", limit, `${texts.limit} ${errorText(provider.report.limit)}`, colours.anomaly);
        },
      ],
    },
  };
}

// A bar of no height would be drawn as a line.
function bars(counts: number[]): (number | null)[] {
  return counts.map((count) => count || null);
}

// Room above the highest bar, for the word beside the limit.
function countRange(_: uPlot, __: number, most: number): uPlot.Range.MinMax {
  return [0, Math.max(1, most) * 1.15];
}
