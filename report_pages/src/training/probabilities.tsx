// How far the probabilities can be taken for frequencies, raw and calibrated.

import { useMemo } from "preact/hooks";
import type uPlot from "uplot";
import { Chart } from "../shared/chart";
import { type Colours, useColours } from "../shared/colours";
import { Details } from "./details";
import { axis, type ColourName, drawn } from "./chart_style";
import { Decimal, Range, significant } from "./numbers";
import { useWords } from "./texts";
import type { Reliability, Result } from "./training_data";

const MEASURES = ["brier", "log_loss", "calibration_error"] as const;
const DIAGRAM_HEIGHT = 320;

export function ProbabilitiesSection({ result }: { result: Result }) {
  const { text } = useWords();
  const { raw, calibrated } = result.reliability;
  return (
    <>
      <p>
        <Calibrated result={result} />
      </p>
      <MeasuresTable raw={raw} calibrated={calibrated} />
      <div class="charts">
        <Diagram title={text("raw_title")} measured={raw} colour="wrong" />
        {calibrated !== null && <Diagram title={text("calibrated_title")} measured={calibrated} colour="accent" />}
      </div>
      <p class="faint">{text("diagram_note")}</p>
      <Details name="bins" title={text("bins")}>
        <div class="columns">
          <BinsTable title={text("raw")} measured={raw} />
          {calibrated !== null && <BinsTable title={text("calibrated")} measured={calibrated} />}
        </div>
      </Details>
    </>
  );
}

function Calibrated({ result }: { result: Result }) {
  const { text } = useWords();
  const { calibration, calibration_note, reliability } = result;
  if (calibration === null) {
    return calibration_note === null ? (
      <>{text("not_calibrated")}</>
    ) : (
      <>{text("not_calibrated_note", { note: calibration_note })}</>
    );
  }
  const { method, slope, intercept, images, anomalies } = calibration;
  const numbers = { method, images, anomalies, slope: significant(slope), intercept: significant(intercept) };
  return (
    <>
      {text("calibrated_by", numbers)} {reliability.held_out === true && text("calibrated_held_out")}
    </>
  );
}

function MeasuresTable({ raw, calibrated }: { raw: Reliability; calibrated: Reliability | null }) {
  const { text } = useWords();
  return (
    <table class="reliability">
      <thead>
        <tr>
          <td />
          <th>{text("raw")}</th>
          {calibrated !== null && <th>{text("calibrated")}</th>}
        </tr>
      </thead>
      <tbody>
        {MEASURES.map((name) => (
          <tr key={name} data-measure={name}>
            <th scope="row">{text(name)}</th>
            <td>
              <Decimal value={raw[name]} />
            </td>
            {calibrated !== null && (
              <td>
                <Decimal value={calibrated[name]} />
              </td>
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Diagram({ title, measured, colour }: { title: string; measured: Reliability; colour: ColourName }) {
  const { text } = useWords();
  const colours = useColours();
  const { bins } = measured;
  const [x, y] = [text("mean_probability"), text("share_of_anomalies")];
  const data = useMemo(
    () => [bins.map((bin) => bin.probability), bins.map((bin) => bin.share)] as uPlot.AlignedData,
    [bins],
  );
  const options = useMemo<Omit<uPlot.Options, "width">>(
    () => ({
      height: DIAGRAM_HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: false, range: [-0.03, 1.03] }, y: { range: [-0.03, 1.03] } },
      axes: [axis(colours, x), axis(colours, y, { size: 56 })],
      series: [
        { label: x },
        { label: y, stroke: colours[colour], width: 1, points: { show: true, size: 8, fill: colours[colour] } },
      ],
      hooks: { draw: [drawn((chart, context) => drawIntervals(chart, context, measured, colours, colour))] },
    }),
    [bins, x, y, colour, colours],
  );
  return (
    <figure class="diagram">
      <figcaption>{title}</figcaption>
      <Chart label={title} options={options} data={data} />
    </figure>
  );
}

function drawIntervals(
  chart: uPlot,
  context: CanvasRenderingContext2D,
  measured: Reliability,
  colours: Colours,
  colour: ColourName,
): void {
  const place = (x: number, y: number) => [chart.valToPos(x, "x", true), chart.valToPos(y, "y", true)] as const;
  context.lineWidth = 1.5 * devicePixelRatio;
  context.strokeStyle = colours.faint;
  context.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
  context.beginPath();
  context.moveTo(...place(0, 0));
  context.lineTo(...place(1, 1));
  context.stroke();
  context.setLineDash([]);
  context.strokeStyle = colours[colour];
  const cap = 4 * devicePixelRatio;
  for (const bin of measured.bins) {
    const [[at, low], [, high]] = [place(bin.probability, bin.low), place(bin.probability, bin.high)];
    context.beginPath();
    context.moveTo(at, low);
    context.lineTo(at, high);
    for (const end of [low, high]) {
      context.moveTo(at - cap, end);
      context.lineTo(at + cap, end);
    }
    context.stroke();
  }
}

function BinsTable({ title, measured }: { title: string; measured: Reliability }) {
  const { text } = useWords();
  return (
    <table class="bins">
      <caption>{title}</caption>
      <thead>
        <tr>
          <th>{text("mean_probability")}</th>
          <th>{text("images")}</th>
          <th>{text("anomalies")}</th>
          <th>{text("share_of_anomalies")}</th>
          <th>{text("interval")}</th>
        </tr>
      </thead>
      <tbody>
        {measured.bins.map((bin, number) => (
          <tr key={number}>
            <td>
              <Decimal value={bin.probability} />
            </td>
            <td>{bin.images}</td>
            <td>{bin.anomalies}</td>
            <td>
              <Decimal value={bin.share} />
            </td>
            <td>
              <Range value={[bin.low, bin.high]} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
