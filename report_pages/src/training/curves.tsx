// Loss, scores and learning rate by epoch; of a head that was solved without epochs, what its strength was chosen by.

import { useMemo } from "preact/hooks";
import type uPlot from "uplot";
import { Chart } from "../shared/chart";
import { useColours } from "../shared/colours";
import { Details } from "./details";
import { axis, CHART_HEIGHT, type ColourName, drawn, translucent, verticalLine } from "./chart_style";
import { Decimal, significant, Significant } from "./numbers";
import { SolvedHeadTable } from "./solved_head";
import { type Key, useWords } from "./texts";
import { duration } from "./times";
import type { Epoch, RunData } from "./training_data";

export function CurvesSection({ data }: { data: RunData }) {
  const { text } = useWords();
  const { epochs, solved_head } = data;
  const onlySolved = data.provenance.recipe.epochs === 0;
  return (
    <>
      {onlySolved && <p>{text("no_curves")}</p>}
      {!onlySolved && epochs.length === 0 && <p class="faint">{text("no_epoch_yet")}</p>}
      {!onlySolved && epochs.length > 0 && <Curves data={data} />}
      {solved_head !== null && <SolvedHeadTable head={solved_head} open={onlySolved} />}
    </>
  );
}

interface Line {
  label: string;
  colour: ColourName;
  dash?: number[];
  values: (number | null)[];
}

function Curves({ data }: { data: RunData }) {
  const { text } = useWords();
  const { epochs } = data;
  const best = bestEpoch(data);
  const metric = text(`best_by_${data.provenance.recipe.best_by}` as Key);
  const augmented = data.data.augmentation.name !== "none";
  const accuracy = text("accuracy_at", { threshold: significant(epochs[0]?.validation.threshold ?? 0) });
  const validation = (name: keyof Epoch["validation"]) => epochs.map((epoch) => epoch.validation[name]);
  return (
    <>
      <div class="charts">
        <Curve
          title={text("loss")}
          epochs={epochs}
          best={best}
          lines={[
            {
              label: text(augmented ? "training_loss" : "training_loss_plain"),
              colour: "wrong",
              values: epochs.map((epoch) => epoch.train_loss),
            },
            { label: text("validation_loss"), colour: "accent", values: validation("loss") },
          ]}
        />
        <Curve
          title={text("scores")}
          epochs={epochs}
          best={best}
          lines={[
            { label: text("auroc"), colour: "accent", values: validation("auroc") },
            {
              label: text("average_precision"),
              colour: "right",
              dash: [6, 3],
              values: validation("average_precision"),
            },
            { label: accuracy, colour: "faint", dash: [2, 2], values: validation("accuracy") },
          ]}
        />
        <Curve
          title={text("learning_rate")}
          epochs={epochs}
          best={best}
          lines={[
            { label: text("learning_rate"), colour: "accent", values: epochs.map((epoch) => epoch.learning_rate) },
          ]}
        />
      </div>
      {best !== null && (
        <p class="faint">
          {text(data.result === null ? "best_epoch" : "best_epoch_is", { number: best, metric })}{" "}
          {epochs[0]?.number === 0 && text("epoch_0")}
        </p>
      )}
      <EpochsTable epochs={epochs} best={best} accuracy={accuracy} />
    </>
  );
}

function bestEpoch(data: RunData): number | null {
  return data.result?.best_epoch ?? data.epochs.filter((epoch) => epoch.best).at(-1)?.number ?? null;
}

function Curve(props: { title: string; epochs: Epoch[]; best: number | null; lines: Line[] }) {
  const { text } = useWords();
  const { title, epochs, best, lines } = props;
  const colours = useColours();
  const label = text("epoch");
  const names = lines.map((line) => line.label).join("\n");
  const data = useMemo(
    () => [epochs.map((epoch) => epoch.number), ...lines.map((line) => line.values)] as uPlot.AlignedData,
    [epochs],
  );
  const options = useMemo<Omit<uPlot.Options, "width">>(
    () => ({
      height: CHART_HEIGHT,
      scales: { x: { time: false, range: aroundOne } },
      axes: [
        axis(colours, label, { incrs: WHOLE, values: (_, epochs) => epochs.map(String) }),
        axis(colours, "", { size: 64, labelSize: 0, values: numbers }),
      ],
      series: [
        { label },
        ...lines.map((line) => ({
          label: line.label,
          stroke: colours[line.colour],
          ...(line.dash !== undefined && { dash: line.dash }),
          width: 2,
          points: { show: true, size: 6 },
          value: (_: uPlot, value: number | null) => (value === null ? "–" : significant(value)),
        })),
      ],
      hooks: {
        ready: [(chart) => chart.setLegend({ idx: epochs.length - 1 })],
        draw: [
          drawn((chart, context) => {
            if (best === null) return;
            context.strokeStyle = translucent(colours.ink, 0.6);
            verticalLine(chart, context, best, [4, 4]);
          }),
        ],
      },
    }),
    [label, names, best, colours],
  );
  return (
    <figure class="curve">
      <figcaption>{title}</figcaption>
      <Chart label={title} options={options} data={data} />
    </figure>
  );
}

const WHOLE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

// A single epoch has room on both sides.
function aroundOne(_: uPlot, low: number, high: number): uPlot.Range.MinMax {
  return low === high ? [low - 1, high + 1] : [low, high];
}

function numbers(_: uPlot, values: number[]): string[] {
  return values.map((value) => significant(value));
}

function EpochsTable({ epochs, best, accuracy }: { epochs: Epoch[]; best: number | null; accuracy: string }) {
  const { language, text } = useWords();
  return (
    <Details name="epochs" title={text("all_epochs")}>
      <div class="wide">
        <table class="epochs">
          <thead>
            <tr>
              <th>{text("epoch")}</th>
              <th>
                {text("loss")}, {text("training")}
              </th>
              <th>
                {text("loss")}, {text("validation")}
              </th>
              <th>{text("auroc")}</th>
              <th>{text("average_precision")}</th>
              <th>{accuracy}</th>
              <th>{text("learning_rate")}</th>
              <th>{text("seconds")}</th>
            </tr>
          </thead>
          <tbody>
            {epochs.map((epoch) => (
              <tr key={epoch.number} class={epoch.number === best ? "chosen" : ""}>
                <th scope="row">
                  {epoch.number} {epoch.number === best && `(${text("best")})`}
                </th>
                <td>
                  <Decimal value={epoch.train_loss} />
                </td>
                <td>
                  <Decimal value={epoch.validation.loss} />
                </td>
                <td>
                  <Decimal value={epoch.validation.auroc} />
                </td>
                <td>
                  <Decimal value={epoch.validation.average_precision} />
                </td>
                <td>
                  <Decimal value={epoch.validation.accuracy} />
                </td>
                <td>
                  <Significant value={epoch.learning_rate} digits={3} />
                </td>
                <td>{duration(epoch.seconds, language)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Details>
  );
}
